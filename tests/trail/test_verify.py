"""Verification: each kind of tampering is found, by the files and a public key alone."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.model.units import Nanos
from outlast.trail.entry import TrailEntry, pack, pseudonym, unpack
from outlast.trail.growing import Growing, Tile
from outlast.trail.merkle import EMPTY_ROOT, leaf_hash
from outlast.trail.note import Checkpoint, NoteError, Signer, Verifier, open_checkpoint
from outlast.trail.tiles import (
    CHECKPOINT,
    WIDTH,
    entries_path,
    hash_path,
    index_path,
    pack_entries,
    pack_hashes,
    unpack_entries,
    width_of,
)
from outlast.trail.verify import TamperedError, entries, read_checkpoint, verify

SIGNER = Signer.of("outlast.test/trail", b"k" * 32)
OTHER = Signer.of("outlast.test/trail", b"o" * 32)
KEY = SIGNER.verifier
SIZE = WIDTH + 7

Files = dict[str, bytes]


def happened(index: int, text: str = "as it was") -> bytes:
    entry = TrailEntry(
        at_ns=Nanos(index), event="plan", about=f"shop-{index % 3}", by="planner", text=text
    )
    return pack(entry)


def published(contents: list[bytes], signer: Signer = SIGNER) -> Files:
    """Publish a log as the scribe does."""
    files: Files = {}

    def keep(tiles: list[Tile]) -> None:
        for one in tiles:
            files[hash_path(one.level, one.index, len(one.hashes))] = pack_hashes(one.hashes)

    tree = Growing.empty()
    keep(tree.add(leaf_hash(one) for one in contents))
    keep(tree.partial())
    for index in range(-(-len(contents) // WIDTH)):
        width = width_of(len(contents), index)
        some = contents[index * WIDTH : index * WIDTH + width]
        files[entries_path(index, width)] = pack_entries(some)
    checkpoint = Checkpoint(signer.name, tree.size, tree.root())
    files[CHECKPOINT] = signer.sign(checkpoint).encode()
    return files


LOG = [happened(index) for index in range(SIZE)]


def checkpoint_of(contents: list[bytes]) -> Checkpoint:
    return read_checkpoint(published(contents).__getitem__, KEY)


@pytest.mark.parametrize("size", [0, 1, WIDTH - 1, WIDTH, WIDTH + 1, SIZE])
def test_an_untouched_log_is_verified(size: int) -> None:
    """Whatever its size; and its entries can be read."""
    files = published(LOG[:size])
    found = verify(files.__getitem__, KEY)
    assert found.checkpoint.size == size
    assert [pack(one) for _, one in entries(files.__getitem__, size)] == LOG[:size]


def changed(contents: list[bytes], at: int) -> list[bytes]:
    return [*contents[:at], happened(at, "as somebody would have liked it"), *contents[at + 1 :]]


@pytest.mark.parametrize("at", [0, 100, WIDTH - 1, WIDTH, SIZE - 1])
def test_a_changed_entry_is_found(at: int) -> None:
    """With the place where it stands."""
    files = published(LOG)
    bundle = at // WIDTH
    path = entries_path(bundle, width_of(SIZE, bundle))
    files[path] = published(changed(LOG, at))[path]
    with pytest.raises(TamperedError, match=rf"entry {at} is not what tile/0/00{bundle}"):
        verify(files.__getitem__, KEY)


def test_tiles_changed_with_their_entry_are_found() -> None:
    """Whoever changes an entry and all tiles over it cannot change the signed root."""
    files = published(changed(LOG, 5))
    files[CHECKPOINT] = published(LOG)[CHECKPOINT]
    with pytest.raises(TamperedError, match="not the one that was signed"):
        verify(files.__getitem__, KEY)


def test_a_log_written_anew_is_found_by_an_older_checkpoint() -> None:
    """Also by whoever holds the key: somebody else keeps a checkpoint."""
    older = checkpoint_of(LOG[:200])
    anew = published(changed(LOG, 5))
    assert verify(anew.__getitem__, KEY).checkpoint.size == SIZE  # alone, nobody can tell
    with pytest.raises(TamperedError, match="written anew"):
        verify(anew.__getitem__, KEY, older=older)
    assert verify(published(LOG).__getitem__, KEY, older=older).older == 200


@pytest.mark.parametrize("size", [1, WIDTH, WIDTH + 1, SIZE])
def test_every_older_checkpoint_of_an_untouched_log_fits(size: int) -> None:
    """Also those in the middle of a tile."""
    assert verify(published(LOG).__getitem__, KEY, older=checkpoint_of(LOG[:size])).older == size


def test_a_log_that_was_cut_off_is_found_by_an_older_checkpoint() -> None:
    """An old checkpoint with its files is a proper log of its own."""
    with pytest.raises(TamperedError, match="cut off"):
        verify(published(LOG[:200]).__getitem__, KEY, older=checkpoint_of(LOG))


def test_a_checkpoint_of_another_key_is_refused() -> None:
    """Of the same name, too."""
    with pytest.raises(TamperedError, match=r"not signed by outlast\.test/trail"):
        verify(published(LOG, OTHER).__getitem__, KEY)


@settings(derandomize=True, max_examples=300)
@given(st.data())
def test_no_byte_can_be_changed_or_lost(data: st.DataObject) -> None:
    """In any file: a flipped byte, a missing end, a missing file."""
    files = published(LOG)
    path = data.draw(st.sampled_from(sorted(files)))
    raw = files[path]
    at = data.draw(st.integers(0, len(raw) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "remove"])):
        case "flip":
            files[path] = (
                raw[:at] + bytes([raw[at] ^ (1 << data.draw(st.integers(0, 7)))]) + raw[at + 1 :]
            )
        case "cut":
            files[path] = raw[:at]
        case _:
            del files[path]
    if path == CHECKPOINT and files.get(path, b"").rstrip(b"\n") == raw.rstrip(b"\n"):
        return  # the line's end alone
    try:
        verify(files.__getitem__, KEY)
    except TamperedError:
        return
    # The last character of base64 has bits that carry nothing: the same signature, written otherwise.
    assert path == CHECKPOINT
    assert _decoded(files[path]) == _decoded(raw)


def _decoded(note: bytes) -> bytes:
    return base64.b64decode(note.split()[-1])


def test_signatures_of_others_are_left_alone() -> None:
    """Witnesses add their lines."""
    checkpoint = Checkpoint(KEY.name, 0, EMPTY_ROOT)
    theirs = Signer.of("witness.test", b"w" * 32).sign(checkpoint).split("\n\n")[1]
    note = SIGNER.sign(checkpoint)
    head, ours = note.split("\n\n")
    assert open_checkpoint(f"{head}\n\n{theirs}{ours}", KEY) == checkpoint
    with pytest.raises(NoteError, match="not signed"):
        open_checkpoint(f"{head}\n\n{theirs}", KEY)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """A key signs for one log alone: else one log's checkpoint could stand in for another's."""
    note = SIGNER.sign(Checkpoint("outlast.test/another", 0, EMPTY_ROOT))
    with pytest.raises(NoteError, match="another"):
        open_checkpoint(note, KEY)


def test_public_keys_can_be_passed_on() -> None:
    """As text; a slip of the pen is found."""
    text = str(KEY)
    assert Verifier.parse(text + "\n") == KEY
    for damaged in (text[:-4], text.replace("outlast", "outlasd"), "", "a+b", text[:-6] + "AAAAAA"):
        with pytest.raises(NoteError):
            Verifier.parse(damaged)


def test_a_signer_does_not_show_its_key() -> None:
    """In no message."""
    assert repr(SIGNER) == "Signer('outlast.test/trail')"


@pytest.mark.parametrize("name", ["", "two words", "a+b", "x" * 201])
def test_names_that_a_note_cannot_hold_are_refused(name: str) -> None:
    """They would end a line, or a key."""
    with pytest.raises(NoteError, match="one word"):
        Signer.of(name, b"k" * 32)


@pytest.mark.parametrize(
    ("index", "path"), [(0, "000"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")]
)
def test_paths_are_those_of_the_format(index: int, path: str) -> None:
    """C2SP tlog-tiles."""
    assert index_path(index) == path
    assert hash_path(1, index, 7) == f"tile/1/{path}.p/7"
    assert entries_path(index) == f"tile/entries/{path}"


def test_an_entry_that_the_format_cannot_hold_is_refused() -> None:
    """Its length stands in two bytes."""
    assert unpack_entries(pack_entries([b"x" * 65_535, b""])) == [b"x" * 65_535, b""]
    with pytest.raises(ValueError, match="65536"):
        pack_entries([b"x" * 65_536])


def test_entries_are_canonical_and_versioned() -> None:
    """The same thing is the same bytes; what another version wrote is not guessed at."""
    entry = TrailEntry(
        at_ns=Nanos(1), event="plan", about="ä", by="planner", text="t", data={"b": 1, "a": [2]}
    )
    raw = pack(entry)
    assert raw.startswith('{"about":"ä","at_ns":1,"by":"planner","data":{"a":[2],"b":1}'.encode())
    assert unpack(raw) == entry
    with pytest.raises(ValueError, match="version 2"):
        unpack(raw.replace(b'"v":1', b'"v":2'))
    with pytest.raises(ValueError, match="not an entry"):
        unpack(b"{")


def test_people_are_not_named() -> None:
    """A pseudonym is the same each time, and cannot be tried out without the key."""
    assert pseudonym("somebody", b"key") == pseudonym("somebody", b"key")
    assert pseudonym("somebody", b"key") != pseudonym("somebody", b"other key")
    assert "somebody" not in pseudonym("somebody", b"key")
