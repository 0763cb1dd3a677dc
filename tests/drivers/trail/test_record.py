"""The checkpoint in the DNS: moved forward, never back, and never over what is not ours."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
from tests.support import modeldns
from tests.support.waiting import eventually

from outlast.drivers.clock import SystemClock
from outlast.drivers.ledger import Ledger
from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.trail.folder import TileFolder
from outlast.drivers.trail.keeper import Keeper
from outlast.drivers.trail.record import CheckpointRecord, RecordRefusedError
from outlast.drivers.trail.scribe import Scribe
from outlast.model.names import DnsName, ProviderName
from outlast.model.plan import Layout, Observation, Outcome, Transaction
from outlast.model.records import RecordSet, RecordType
from outlast.model.units import Nanos
from outlast.trail.note import Checkpoint, NoteError, Signer, of_line, open_checkpoint, to_line

SIGNER = Signer.of("outlast.test/trail", b"k" * 32)
NAME = DnsName("_trail.shop.test")


class Zone:
    """A provider with one zone, of the model; somebody may write between a reading and a write."""

    def __init__(self) -> None:
        self.sets: modeldns.Zone = ()
        self.meanwhile: str = ""
        self.closed = False

    async def read(self, layout: Layout) -> Observation:
        return modeldns.read(self.sets, layout, Nanos(0))

    async def write(self, transaction: Transaction) -> Outcome:
        if self.meanwhile:
            self.put(self.meanwhile)
        self.sets, kind = modeldns.apply(self.sets, transaction)
        return Outcome(kind=kind)

    async def close(self) -> None:
        self.closed = True

    def put(self, *lines: str) -> None:
        self.sets = (RecordSet(NAME, RecordType.TXT, 60, lines),)

    @property
    def lines(self) -> tuple[str, ...]:
        return modeldns.values_at(self.sets, NAME, RecordType.TXT)


def note(size: int, signer: Signer = SIGNER) -> str:
    return signer.sign(Checkpoint("outlast.test/trail", size, bytes([size]) * 32))


@pytest.fixture
def zone() -> Zone:
    return Zone()


@pytest.fixture
def record(zone: Zone) -> CheckpointRecord:
    return CheckpointRecord(
        zone,
        name=NAME,
        zone=DnsName("shop.test"),
        at=ProviderName("local"),
        key=SIGNER.verifier,
    )


def test_a_note_in_one_line_is_the_same_note_and_fits_into_one_string() -> None:
    line = to_line(note(7))
    assert len(line) < 256
    assert open_checkpoint(of_line(line, SIGNER.verifier), SIGNER.verifier).size == 7
    with pytest.raises(NoteError):
        of_line("v=spf1 -all", SIGNER.verifier)


async def test_it_follows_the_log(zone: Zone, record: CheckpointRecord) -> None:
    for size in (1, 5, 5, 9):
        await record.move(note(size))
        assert zone.lines == (to_line(note(size)),)


async def test_it_never_counts_fewer_entries_than_before(
    zone: Zone, record: CheckpointRecord
) -> None:
    await record.move(note(9))
    with pytest.raises(RecordRefusedError, match="counts 9 entries, the log has 5"):
        await record.move(note(5))
    assert zone.lines == (to_line(note(9)),)


async def test_what_is_not_ours_stays(zone: Zone, record: CheckpointRecord) -> None:
    """Another text, another's signature, or ours beside a stranger's."""
    forged = dataclasses.replace(SIGNER, private=Signer.of("x", b"f" * 32).private)
    for lines in (("v=spf1 -all",), (to_line(note(3, forged)),), (to_line(note(3)), "stranger")):
        zone.put(*lines)
        with pytest.raises(RecordRefusedError, match="not ours"):
            await record.move(note(9))
        assert zone.lines == lines


@pytest.mark.slow
async def test_what_comes_within_the_pause_is_shown_after_it(
    zone: Zone, record: CheckpointRecord, tmp_path: Path
) -> None:
    """Though nothing more happens by then that would wake the keeper; and its end closes the connection."""
    store = MemoryStore()
    ledger = Ledger(store, SystemClock(), "test")
    keeper = Keeper(
        store,
        Scribe(store, lambda name: name),
        [TileFolder(tmp_path, SIGNER)],
        tell=lambda _: None,
        record=record,
        record_every_s=3.5,  # longer than the keeper goes on by its own commits
    )
    task = asyncio.create_task(keeper.run())
    await ledger.note("tick", "first")
    await eventually(lambda: zone.lines != ())
    await ledger.note("tick", "second")
    await eventually(lambda: zone.lines[0].split()[1] == "2")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert zone.closed


async def test_of_two_who_move_it_at_once_one_is_refused(
    zone: Zone, record: CheckpointRecord
) -> None:
    await record.move(note(3))
    zone.meanwhile = to_line(note(8))
    with pytest.raises(RecordRefusedError, match="refused"):
        await record.move(note(5))
    assert zone.lines == (to_line(note(8)),)
