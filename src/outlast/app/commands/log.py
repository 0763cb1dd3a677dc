"""`outlast log`: the audit trail, verified from its files and a public key alone, and read."""

import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click
import msgspec

from outlast.app.options import json_option, open_world, world_options
from outlast.app.trailproofs import (
    Extension,
    Inclusion,
    kept_checkpoint,
    prove_entry,
    prove_extension,
)
from outlast.app.trailproofs import check as checked
from outlast.drivers.trail.folder import published_in
from outlast.model.errors import ConfigError
from outlast.model.units import iso
from outlast.trail.entry import TrailEntry
from outlast.trail.merkle import ProofError
from outlast.trail.note import Checkpoint, NoteError, Verifier, open_checkpoint
from outlast.trail.tiles import CHECKPOINT
from outlast.trail.verify import (
    ReadFile,
    TamperedError,
    entries,
    verify,
)

TIMEOUT_S = 10.0
PROGRESS_EVERY = 50_000

key_option = click.option(
    "--key",
    required=True,
    help="Public key of the log, `name+id+base64`, or a file that holds it (`outlast log key`).",
)


@click.group()
def log() -> None:
    """Verify the audit trail, and read what it tells.

    WHERE is a folder or a URL at which the log is published: `checkpoint` and `tile/...`.
    """


@log.command(
    epilog="""
    \b
    Examples:
      outlast log key world.yaml                print it; keep a copy somewhere else
    """
)
@world_options
def key(file: Path, state: Path | None) -> None:
    """Print the public key of FILE's audit trail."""
    click.echo(str(open_world(file, state, kept=True).trail_signer().verifier))


@log.command(
    name="verify",
    epilog="""
    \b
    Examples:
      outlast log verify .outlast/world/trail --key trail.pub
      outlast log verify https://status.example.org/trail --key trail.pub --older kept/checkpoint
      outlast log verify trail --key trail.pub --json

    Ends with 0 if the log is what was signed, with 1 if anything was changed.
    """,
)
@click.argument("where")
@key_option
@click.option(
    "--older",
    help="A checkpoint kept from before, which the log must contain: a file, or dns:NAME[@SERVER].",
)
@json_option
def verify_(where: str, key: str, older: str | None, *, as_json: bool) -> None:
    """Check every entry of the log at WHERE."""
    verifier = _key(key)
    before = None if older is None else open_checkpoint(kept_checkpoint(older, verifier), verifier)
    try:
        found = verify(reader(where), verifier, older=before, progress=_progress)
    except TamperedError as error:
        if as_json:
            click.echo(msgspec.json.encode({"verified": False, "why": str(error)}).decode())
        else:
            click.echo(f"TAMPERED WITH: {error}")
            click.echo("  -> keep these files, and compare them with copies that others have")
        raise click.exceptions.Exit(1) from error
    if as_json:
        click.echo(msgspec.json.encode(_told(found.checkpoint, found.older)).decode())
        return
    click.echo(f"verified: {found.checkpoint.size} entries, root {found.checkpoint.root.hex()}")
    if found.older:
        click.echo(f"it contains the older checkpoint of {found.older} entries")
    else:
        click.echo("no older checkpoint was compared (--older): a log written anew would pass")


@log.command(
    epilog="""
    \b
    Examples:
      outlast log show trail --key trail.pub --last 20
      outlast log story shop trail --key trail.pub     what happened to one endpoint
    """
)
@click.argument("where")
@key_option
@click.option(
    "--last", type=click.IntRange(1), default=50, show_default=True, help="How many entries."
)
@json_option
def show(where: str, key: str, *, last: int, as_json: bool) -> None:
    """Show the last entries of the log at WHERE. It is verified first."""
    read, verifier = reader(where), _key(key)
    size = verified(read, verifier).size
    _print(list(_entries(read, size, first=max(0, size - last))), as_json=as_json)


@log.command(
    epilog="""
    \b
    Examples:
      outlast log story shop .outlast/world/trail --key trail.pub
    """
)
@click.argument("name")
@click.argument("where")
@key_option
@json_option
def story(name: str, where: str, key: str, *, as_json: bool) -> None:
    """Tell what happened to NAME, an endpoint or cause, by the log at WHERE. It is verified first."""
    read = reader(where)
    size = verified(read, _key(key)).size
    _print([one for one in _entries(read, size) if one[1].about == name], as_json=as_json)


@log.command(
    epilog="""
    \b
    Examples:
      outlast log prove 4711 trail --key trail.pub     a proof of one entry, for somebody else

    Its hashes lead from the entry to the root of the signed checkpoint (RFC 6962 section 2.1.1).
    """
)
@click.argument("index", type=click.IntRange(0))
@click.argument("where")
@key_option
def prove(index: int, where: str, key: str) -> None:
    """Print entry INDEX of the log at WHERE with its proof, as JSON."""
    _show(prove_entry(reader(where), index, _key(key)))


@log.command(
    epilog="""
    \b
    Examples:
      outlast log extends kept/checkpoint trail --key trail.pub
      outlast log extends dns:_trail.example.org trail --key trail.pub > proof.json

    Its hashes lead from the older root to the newer one (RFC 6962 section 2.1.2).
    """
)
@click.argument("older")
@click.argument("where")
@key_option
def extends(older: str, where: str, key: str) -> None:
    """Print the proof that the log at WHERE begins with that of the OLDER checkpoint, as JSON."""
    verifier = _key(key)
    _show(prove_extension(reader(where), kept_checkpoint(older, verifier), verifier))


@log.command(
    epilog="""
    \b
    Examples:
      outlast log check proof.json --key trail.pub
      outlast log prove 4711 trail --key trail.pub | outlast log check - --key trail.pub

    Needs neither the log nor a network. Ends with 0 if the proof holds, with 1 if not.
    """
)
@click.argument("proof", type=click.File("r", encoding="utf-8"))
@key_option
def check(proof: IO[str], key: str) -> None:
    """Check a PROOF that `prove` or `extends` printed, by the public key alone."""
    try:
        click.echo(f"proved: {checked(proof.read(), _key(key))}")
    except ProofError as error:
        click.echo(f"NOT PROVED: {error}")
        raise click.exceptions.Exit(1) from error


def _show(proof: Inclusion | Extension) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(proof)).decode())


def reader(where: str) -> ReadFile:
    """Return what reads the files of a log, in a folder or at a URL.

    Raises:
        ConfigError: there is none.
    """
    url = where.rstrip("/")
    if urllib.parse.urlsplit(where).scheme in {"http", "https"}:
        return lambda path: _fetch(f"{url}/{path}")
    root = Path(where)
    if not (root / CHECKPOINT).exists():
        raise ConfigError(
            f"{where} holds no log: no file `{CHECKPOINT}`",
            remedy="name the folder that `outlast up` publishes to, by default "
            ".outlast/NAME/trail beside the topology",
        )
    return published_in(root)


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http(s) only
            raw: bytes = answer.read()
            return raw
    except urllib.error.HTTPError as error:
        raise LookupError(url) from error
    except OSError as error:
        raise ConfigError(
            f"{url} cannot be read: {error}", remedy="try again, or copy it"
        ) from error


def _key(text: str) -> Verifier:
    path = Path(text)
    try:
        return Verifier.parse(path.read_text() if path.is_file() else text)
    except NoteError as error:
        raise ConfigError(
            f"--key: {error}", remedy="`outlast log key FILE` prints it where the log is written"
        ) from error


def verified(read: ReadFile, key: Verifier) -> Checkpoint:
    """Return the checkpoint of a log that is what it says; end with what is wrong otherwise."""
    try:
        return verify(read, key, progress=_progress).checkpoint
    except TamperedError as error:
        click.echo(f"TAMPERED WITH: {error}", err=True)
        raise click.exceptions.Exit(1) from error


def _entries(read: ReadFile, size: int, first: int = 0) -> Iterator[tuple[int, TrailEntry]]:
    try:
        yield from entries(read, size, first=first)
    except TamperedError as error:
        click.echo(f"CANNOT BE READ: {error}", err=True)
        raise click.exceptions.Exit(1) from error


def _progress(done: int, total: int) -> None:
    if done % PROGRESS_EVERY < 256 and total > PROGRESS_EVERY and sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} entries", nl=False, err=True)


def _told(checkpoint: Checkpoint, older: int) -> dict[str, object]:
    return {
        "verified": True,
        "origin": checkpoint.origin,
        "entries": checkpoint.size,
        "root": checkpoint.root.hex(),
        "older": older,
    }


def _print(found: list[tuple[int, TrailEntry]], *, as_json: bool) -> None:
    if as_json:
        rows = [{"index": index, **msgspec.to_builtins(one)} for index, one in found]
        click.echo(msgspec.json.format(msgspec.json.encode(rows)))
        return
    for index, one in found:
        generation = f" {one.generation}" if one.generation else ""
        about = one.about or "everything"
        click.echo(
            f"{index:>8}  {iso(one.at_ns)}  {one.event:<10} {about}{generation}  {one.by}: {one.text}"
        )
    if not found:
        click.echo("the log holds nothing about it")
