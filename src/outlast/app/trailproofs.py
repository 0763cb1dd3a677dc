"""Proofs of the audit trail, for somebody who has no copy of it; and checkpoints that others keep.

A proof is a JSON object that carries its checkpoint as it was signed, so that the log's public key is all
that is needed to check it:

    {"index": 7, "entry": "...", "leaf": "...", "path": [...], "checkpoint": "..."}     an entry is in it
    {"older": "...", "path": [...], "checkpoint": "..."}           it begins with an older one
"""

from collections.abc import Sequence
from pathlib import Path

import dns.exception
import dns.resolver
import msgspec

from outlast.model.errors import ConfigError
from outlast.trail.merkle import (
    Hash,
    ProofError,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
)
from outlast.trail.note import NoteError, Verifier, of_line, open_checkpoint
from outlast.trail.tiles import CHECKPOINT, subtrees_of
from outlast.trail.verify import ReadFile, raw_entry, read_checkpoint, tile_reader

DNS = "dns:"
LOOK_UP_S = 10.0


class Inclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry with its way to the root of a signed checkpoint."""

    index: int
    entry: str
    leaf: str
    path: list[str]
    checkpoint: str


class Extension(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An older signed checkpoint with its way into a newer one."""

    older: str
    path: list[str]
    checkpoint: str


def prove_entry(read: ReadFile, index: int, key: Verifier) -> Inclusion:
    """Return the proof that an entry is in the log.

    Raises:
        ConfigError: the log has no such entry; TamperedError: its files do not fit together.
    """
    checkpoint = read_checkpoint(read, key)
    if index >= checkpoint.size:
        raise ConfigError(
            f"there is no entry {index}: the log has {checkpoint.size}",
            remedy="`outlast log show` lists the last ones with their numbers",
        )
    raw = raw_entry(read, index, checkpoint.size)
    tiles = subtrees_of(tile_reader(read, checkpoint.size), checkpoint.size)
    path = inclusion_proof(tiles, index, checkpoint.size)
    note = read(CHECKPOINT).decode()
    return Inclusion(index, raw.decode(), leaf_hash(raw).hex(), _texts(path), note)


def prove_extension(read: ReadFile, older: str, key: Verifier) -> Extension:
    """Return the proof that the log begins with the one that an older checkpoint was signed for.

    Raises:
        ConfigError: the older one is empty, or not older; TamperedError: the log's files do not fit together.
    """
    now, before = read_checkpoint(read, key), open_checkpoint(older, key)
    if not 0 < before.size <= now.size:
        raise ConfigError(
            f"the older checkpoint counts {before.size} entries, the log {now.size}",
            remedy="name one that was kept from this log, not from a later state of it; if it was, the "
            "log has lost entries: `outlast log verify --older` says so",
        )
    tiles = subtrees_of(tile_reader(read, now.size), now.size)
    path = consistency_proof(tiles, before.size, now.size)
    return Extension(older, _texts(path), read(CHECKPOINT).decode())


def check(text: str, key: Verifier) -> str:
    """Check a proof by the log's public key alone; return what it proves, for people.

    Raises:
        ConfigError: it is no proof; ProofError: it proves nothing.
    """
    try:
        proof = msgspec.json.decode(text, type=dict[str, object])
        kind: type[Inclusion | Extension] = Inclusion if "entry" in proof else Extension
        found = msgspec.convert(proof, kind)
        path = [bytes.fromhex(one) for one in found.path]
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError(
            f"this is no proof: {error}", remedy="`outlast log prove` and `extends` print them"
        ) from error
    try:
        now = open_checkpoint(found.checkpoint, key)
        if isinstance(found, Inclusion):
            leaf = leaf_hash(found.entry.encode())
            check_inclusion(leaf, found.index, now.size, path, now.root)
            return f"entry {found.index} is in the log of {now.size} entries: {found.entry}"
        before = open_checkpoint(found.older, key)
    except NoteError as error:
        raise ProofError(str(error)) from error
    check_consistency(before.size, now.size, path, before.root, now.root)
    return f"the log of {now.size} entries begins with that of {before.size}"


def kept_checkpoint(where: str, key: Verifier) -> str:
    """Return a signed checkpoint that was kept: from a file, or from the DNS (`dns:NAME`, `dns:NAME@SERVER`).

    Raises:
        ConfigError: there is none, or it is not signed by the key.
    """
    try:
        note = _in_dns(where.removeprefix(DNS), key) if where.startswith(DNS) else _in_file(where)
        open_checkpoint(note, key)
    except (NoteError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{where}: {error}",
            remedy="name a copy of the log's file `checkpoint`, or dns:NAME where its TXT record stands",
        ) from error
    return note


def _in_file(where: str) -> str:
    return Path(where).read_text(encoding="utf-8")


def _in_dns(where: str, key: Verifier) -> str:
    name, _, server = where.partition("@")
    resolver = dns.resolver.Resolver(configure=not server)
    if server:
        host, _, port = server.partition(":")
        resolver.nameservers, resolver.port = [host], int(port or 53)
    try:
        found = resolver.resolve(name, "TXT", lifetime=LOOK_UP_S)
    except (dns.exception.DNSException, ValueError) as error:
        raise NoteError(f"no TXT record can be read there: {error}") from error
    lines = [b"".join(one.strings).decode() for one in found]
    if len(lines) != 1:
        raise NoteError(
            f"{len(lines)} TXT records stand there, of which one should be the checkpoint"
        )
    return of_line(lines[0], key)


def _texts(path: Sequence[Hash]) -> list[str]:
    return [one.hex() for one in path]
