"""The last-known-good file keeps what was confirmed, and no damage makes it tell anything else."""

import io
import os
import resource
import stat
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outlast.drivers import goodlines, lastgood
from outlast.drivers.goodlines import GoodPublication
from outlast.drivers.lastgood import LastGood, LastGoodFile, merge_last_good, previous_of
from outlast.model.fence import Fence
from outlast.model.health import Verdict
from outlast.model.names import DnsName, EndpointName, ProviderName, RegionName, TargetName
from outlast.model.plan import CapacityProof, Layout, Member, Origin, Plan
from outlast.model.records import Family, RecordSet, RecordType, digest_of
from outlast.model.units import Generation, Nanos

BIND, KNOT = ProviderName("bind"), ProviderName("knot")
API = EndpointName("api")
KEYS = {BIND: b"secret of bind", KNOT: b"secret of knot"}


def make_plan(endpoint: str, generation: int, provider: ProviderName = BIND) -> Plan:
    name = DnsName(f"{endpoint}.example.net")
    records = (RecordSet.of(name, RecordType.A, 30, [f"192.0.2.{generation % 250 + 1}"]),)
    member = Member(
        target=TargetName("t1"),
        region=RegionName("eu"),
        family=Family.IPV4,
        address=records[0].values[0],
        weight=1,
        percent=100,
        size=1,
        verdict=Verdict.UP,
        published=True,
        why='healthy, "quoted"\n\\ and \u00e9',
    )
    return Plan(
        layout=Layout(
            endpoint=EndpointName(endpoint),
            provider=provider,
            zone=DnsName("example.net"),
            fence_at=DnsName(f"_outlast.{name}"),
            names=(name,),
        ),
        generation=Generation(generation),
        base=Generation(generation - 1),
        digest=digest_of(records),
        record_sets=records,
        floor=1,
        owns=False,
        members=(member,),
        proof=CapacityProof(family=Family.IPV4, published=0, declared=0, demand=0),
        made_at_ns=Nanos(generation),
        origin=Origin.AUTOMATIC,
        reason="test",
    )


def make_fence(plan: Plan) -> Fence:
    return Fence(plan.generation, plan.digest, f"{plan.generation:016x}", "enactor-1")


def remember(file: LastGoodFile, endpoint: str, generation: int, **more: ProviderName) -> Plan:
    plan = make_plan(endpoint, generation, **more)
    assert file.remember(plan, make_fence(plan), Nanos(1_000 + generation)) is None
    return plan


def good(plan: Plan) -> GoodPublication:
    return GoodPublication(
        plan=plan, fence=make_fence(plan), confirmed_at_ns=Nanos(1_000 + plan.generation)
    )


def read(path: Path) -> LastGood:
    return merge_last_good([path], KEYS)


def generations(found: LastGood) -> dict[str, int]:
    return {name: entry.plan.generation for name, entry in found.entries.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "enactor-1.lastgood"


def test_what_was_flushed_is_read_back_whole(path: Path) -> None:
    file = LastGoodFile(path, KEYS, topology="abc123")
    first = remember(file, "api", 1)
    second = remember(file, "web", 7, provider=KNOT)
    assert file.flush() is None
    found = read(path)
    assert found.entries == {"api": good(first), "web": good(second)}
    assert found.highest == {"api": 1, "web": 7}
    assert (found.problems, found.topology) == ((), "abc123")


def test_only_the_newest_publication_counts_and_generation_decides_before_time(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    plans = [make_plan("api", generation) for generation in (1, 3, 2)]
    for at_ns, plan in enumerate(plans):
        file.remember(plan, make_fence(plan), Nanos(at_ns))
        file.flush()
    assert generations(read(path)) == {"api": 3}


def test_nothing_is_written_before_a_flush_and_an_empty_flush_writes_nothing(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    assert file.flush() is None
    remember(file, "api", 1)
    assert not path.exists()


def test_the_high_water_mark_survives_without_a_publication_of_its_own(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    plan = remember(file, "api", 3)
    assert file.saw(plan.layout, Generation(9)) is None
    assert file.saw(plan.layout, Generation(5)) is None
    other = make_plan("new", 4)
    assert file.saw(other.layout, Generation(4)) is None
    assert file.flush() is None
    again = LastGoodFile(path, KEYS)
    found = again.load()
    assert found.highest == {"api": 9, "new": 4}
    assert generations(found) == {"api": 3}
    assert [again.highest(EndpointName(name)) for name in ("api", "new", "none")] == [9, 4, 0]


def test_a_fence_that_does_not_name_the_plan_is_refused(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    plan, other = make_plan("api", 1), make_plan("api", 2)
    with pytest.raises(ValueError, match="is not the one of"):
        file.remember(plan, make_fence(other), Nanos(1))


def test_a_provider_without_a_key_is_told_as_a_value_both_ways(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    remember(file, "api", 1)
    remember(file, "web", 1, provider=KNOT)
    file.flush()
    found = merge_last_good([path], {BIND: KEYS[BIND]})
    assert generations(found) == {"api": 1}
    assert [str(one) for one in found.problems if "web" in str(one) and "knot" in str(one)]
    plan = make_plan("api", 2)
    error = LastGoodFile(path, {}).remember(plan, make_fence(plan), Nanos(1))
    assert error is not None
    assert "bind" in str(error)


def test_a_line_made_with_another_key_is_refused_by_name(path: Path) -> None:
    file = LastGoodFile(path, {**KEYS, BIND: b"not the secret"})
    remember(file, "api", 1)
    remember(file, "web", 1, provider=KNOT)
    file.flush()
    found = read(path)
    assert generations(found) == {"web": 1}
    assert ["altered" in str(one) and "api" in str(one) for one in found.problems] == [True]


def test_the_tsig_secret_itself_makes_no_tag(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    remember(file, "api", 1)
    file.flush()
    assert KEYS[BIND] not in path.read_bytes()
    derived = LastGoodFile(path, KEYS)._sealer._keys
    assert derived[BIND] != KEYS[BIND]
    assert derived[BIND] != derived[KNOT]


def test_another_endpoints_line_cannot_be_passed_off_under_a_new_name(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    remember(file, "api", 1)
    file.flush()
    path.write_bytes(path.read_bytes().replace(b" api bind ", b" web bind "))
    assert read(path).entries == {}


def test_compaction_keeps_the_newest_the_marks_and_one_previous_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lastgood, "SLACK_BYTES", 2_000)
    file = LastGoodFile(path, KEYS, topology="t")
    sizes = []
    marked = make_plan("seen", 1)
    file.saw(marked.layout, Generation(77))
    for generation in range(1, 60):
        for endpoint in ("api", "web"):
            remember(file, endpoint, generation)
        assert file.flush() is None
        sizes.append(path.stat().st_size)
        assert generations(read(path)) == {"api": generation, "web": generation}
    line = max(b - a for a, b in pairwise(sizes))
    assert max(sizes) < 3 * line + 2_000 + 200, "the file grows without bound"
    assert any(b < a for a, b in pairwise(sizes))
    assert previous_of(path).exists()
    found = read(path)
    assert (found.problems, found.topology) == ((), "t")
    assert found.highest == {"api": 59, "web": 59, "seen": 77}


def test_the_previous_copy_stands_in_for_a_file_that_is_missing_or_damaged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lastgood, "SLACK_BYTES", 0)
    file = LastGoodFile(path, KEYS)
    for generation in range(1, 9):
        remember(file, "api", generation)
        file.flush()
    assert previous_of(path).exists()
    path.write_bytes(b"\0" * 100)
    damaged = read(path)
    path.unlink()
    missing = read(path)
    for found in (damaged, missing):
        assert found.problems
        assert found.entries[API].plan.generation >= 5


def test_a_cost_of_change_that_does_not_grow_with_the_endpoints(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    for number in range(300):
        remember(file, f"e{number}", 1)
    file.flush()
    before = path.read_bytes()
    remember(file, "e7", 2)
    file.flush()
    assert path.read_bytes().startswith(before)
    assert path.stat().st_size - len(before) < 2 * len(before) / 300


def test_a_writer_that_has_not_read_the_file_does_not_rewrite_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that changes one endpoint of 100,000 used to read and compact the file of all of them."""
    monkeypatch.setattr(lastgood, "SLACK_BYTES", 0)
    first = LastGoodFile(path, KEYS)
    for number in range(20):
        remember(first, f"e{number}", 1)
    assert first.flush() is None
    inode = path.stat().st_ino
    second = LastGoodFile(path, KEYS)
    remember(second, "e1", 2)
    assert second.flush() is None
    assert path.stat().st_ino == inode
    assert generations(read(path))["e1"] == 2
    monkeypatch.setattr(lastgood, "UNREAD_BYTES_MAX", 0)
    remember(second, "e1", 3)
    assert second.flush() is None
    assert path.stat().st_ino != inode, "beyond the limit it is compacted all the same"
    assert len(generations(read(path))) == 20


def test_three_enactors_files_merge_to_the_newest_of_each(tmp_path: Path) -> None:
    paths = [tmp_path / f"enactor-{number}" for number in (1, 2, 3)]
    for path, held in zip(paths, [{"a": 1, "b": 9}, {"a": 4, "b": 2}, {"c": 3}], strict=True):
        file = LastGoodFile(path, KEYS)
        for endpoint, generation in held.items():
            remember(file, endpoint, generation)
        file.flush()
    missing = tmp_path / "enactor-4"
    found = merge_last_good([*paths, missing], KEYS)
    assert generations(found) == {"a": 4, "b": 9, "c": 3}
    assert found.highest == {"a": 4, "b": 9, "c": 3}
    assert ["enactor-4" in str(one) for one in found.problems] == [True]


def test_loading_a_missing_file_is_no_problem_for_its_own_enactor(path: Path) -> None:
    assert LastGoodFile(path, KEYS).load() == LastGood({}, {})


def test_a_file_left_with_half_a_line_is_taken_up_again(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    remember(file, "api", 1)
    file.flush()
    with path.open("ab") as raw:
        raw.write(b"0" * 64 + b" web bind 3 100")
    again = LastGoodFile(path, KEYS)
    assert ["cut off" in str(one) and "web" in str(one) for one in again.load().problems] == [True]
    remember(again, "other", 2)
    assert again.flush() is None
    assert generations(read(path)) == {"api": 1, "other": 2}
    assert b" web bind 3 100\n" in path.read_bytes(), "the new line does not stand alone"


def test_a_line_whose_name_was_altered_is_told_by_both_names(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    remember(file, "api", 1)
    file.flush()
    path.write_bytes(path.read_bytes().replace(b" api bind ", b" apj bind "))
    assert ["'apj' or 'api'" in str(one) for one in read(path).problems] == [True]


def test_the_file_is_for_its_user_alone(path: Path) -> None:
    file = LastGoodFile(path, KEYS)
    remember(file, "api", 1)
    file.flush()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_cannot_be_written_is_a_value_and_is_written_later(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the directory should be")
    file = LastGoodFile(blocked / "x.lastgood", KEYS)
    remember(file, "api", 1)
    error = file.flush()
    assert error is not None
    assert "publishing goes on" in str(error)
    blocked.unlink()
    assert file.flush() is None
    assert generations(read(blocked / "x.lastgood")) == {"api": 1}


FULL_DISK = """
import resource, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_lastgood import *
path = Path(sys.argv[1])
file = LastGoodFile(path, KEYS)
remember(file, "api", 1)
assert file.flush() is None
whole = path.read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 100, resource.RLIM_INFINITY))
remember(file, "web", 1)
error = file.flush()
assert error is not None and "cannot be written" in str(error), error
assert path.read_bytes() == whole, "half a line was left behind"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert file.flush() is None
assert generations(read(path)) == {{"api": 1, "web": 1}}
"""


@pytest.mark.slow
def test_a_full_disk_leaves_no_half_line_and_is_tried_again(path: Path) -> None:
    """A bound on the file's size stands for the full disk: the same short write, then the error."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    script = FULL_DISK.format(tests=str(Path(__file__).parent))
    ran = subprocess.run(
        [sys.executable, "-c", script, str(path)], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_readers_need_no_lock_while_an_enactor_writes_and_compacts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader beside a writer sees generations that never go back, and at most half a line."""
    monkeypatch.setattr(lastgood, "SLACK_BYTES", 4_000)
    file = LastGoodFile(path, KEYS)
    remember(file, "api", 1)
    file.flush()
    done = threading.Event()

    def write() -> None:
        for generation in range(2, 400):
            remember(file, "api", generation)
            file.flush()
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    last = 1
    while not done.is_set():
        found = read(path)
        assert all("cut off" in str(one) for one in found.problems)
        assert found.entries[API].plan.generation >= last
        last = found.entries[API].plan.generation
    writer.join()
    assert generations(read(path)) == {"api": 399}


class Growing(io.BytesIO):
    """A file whose last line is completed just after its end was met."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if line and not line.endswith(b"\n"):
            self.write(b"rest\n")
            self.seek(-5, os.SEEK_END)
        return line


def test_the_rest_of_a_line_that_is_being_written_is_no_line_of_its_own() -> None:
    assert list(goodlines.lines(Growing(b"whole\nhalf "))) == [b"whole\n", b"half "]


ENDPOINTS = ("api", "web", "mail")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A file in which three endpoints were published twice."""
    path = tmp_path_factory.mktemp("sample") / "file"
    file = LastGoodFile(path, KEYS, topology="t")
    for generation in (1, 2):
        for endpoint in ENDPOINTS:
            remember(file, endpoint, generation)
            file.flush()
    return path, path.read_bytes()


def only_truth(found: LastGood) -> None:
    """Whatever was found was published once, exactly so."""
    for endpoint, entry in found.entries.items():
        assert entry in [good(make_plan(endpoint, generation)) for generation in (1, 2)]
        assert found.highest[endpoint] in (1, 2)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=300, deadline=None)
@example(position=20, bit=1)
def test_one_flipped_bit_costs_at_most_the_line_it_hit_and_is_told(
    sample: tuple[Path, bytes], position: int, bit: int
) -> None:
    path, whole = sample
    position %= len(whole)
    damaged = bytearray(whole)
    damaged[position] ^= 1 << bit
    path.write_bytes(damaged)
    found = read(path)
    only_truth(found)
    assert set(found.entries) == set(ENDPOINTS)
    behind = [name for name, generation in generations(found).items() if generation != 2]
    assert len(behind) <= 1
    in_header = position < whole.index(b"\n")
    assert found.problems or (in_header and found.topology != "t")
    if behind:
        assert any(behind[0] in str(one) for one in found.problems)


def test_every_line_break_that_is_damaged_costs_nothing_but_a_word(
    sample: tuple[Path, bytes],
) -> None:
    path, whole = sample
    for position in [index for index, byte in enumerate(whole[:-1]) if byte == 0x0A]:
        path.write_bytes(whole[:position] + b"\x0b" + whole[position + 1 :])
        found = read(path)
        assert found.problems
        assert generations(found) == dict.fromkeys(ENDPOINTS, 2)


@pytest.mark.slow
def test_a_file_cut_off_at_any_byte_tells_only_what_was_published(
    sample: tuple[Path, bytes],
) -> None:
    path, whole = sample
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = read(path)
        only_truth(found)
        lines = whole[:length].count(b"\n") - 1
        assert set(found.entries) == set(ENDPOINTS[: max(0, lines)])
        if length not in _line_ends(whole):
            assert found.problems


def _line_ends(whole: bytes) -> set[int]:
    return {index + 1 for index, byte in enumerate(whole) if byte == 0x0A}


@given(
    cuts=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 400), st.binary(max_size=50)))
)
@settings(max_examples=200, deadline=None)
def test_no_damage_whatever_tells_a_lie_or_raises(
    sample: tuple[Path, bytes], cuts: list[tuple[int, int, bytes]]
) -> None:
    path, whole = sample
    damaged = whole
    for start, length, junk in cuts:
        at = start % (len(damaged) + 1)
        damaged = damaged[:at] + junk + damaged[at + length :]
    path.write_bytes(damaged)
    only_truth(read(path))


@given(junk=st.binary(max_size=2_000))
@settings(max_examples=100, deadline=None)
def test_a_foreign_file_is_a_problem_and_nothing_else(
    sample: tuple[Path, bytes], junk: bytes
) -> None:
    path, _ = sample
    path.write_bytes(junk)
    found = read(path)
    assert found.entries == {}
    assert found.problems
    assert os.fspath(path) in str(found.problems[0])
