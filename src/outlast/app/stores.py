"""Stores: the one place where it is decided which engine keeps plans and votes.

The topology says it in `store`, and `--store` (or OUTLAST_STORE) says otherwise for one process:

    --store file                                       the file in the state folder
    --store etcd://10.0.0.1:2379,10.0.0.2:2379         an etcd; etcds:// with TLS
    --store etcd://10.0.0.1:2379/outlast/blue/         below another prefix

User, password and certificates are the topology's in any case.
"""

from dataclasses import replace
from pathlib import Path

from outlast.app.state import StateFolder
from outlast.config.secrets import read_secret
from outlast.config.texts import parse_server
from outlast.drivers.stores.file import FileOptions
from outlast.drivers.stores.reopening import ReopeningStore
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.model.errors import ConfigError
from outlast.model.topology import SecretRef, StoreChoice
from outlast.ports import Store

FILE = "file"
_SCHEMES = ("etcd://", "etcds://")


def choose(text: str, written: StoreChoice) -> StoreChoice:
    """Return the store that the option asks for; without one, what is written in the topology.

    Raises:
        ConfigError: it names no store.
    """
    if not text:
        return written
    if text == FILE:
        return replace(written, etcd=())
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            members, _, prefix = text.removeprefix(scheme).partition("/")
            try:
                etcd = tuple(parse_server(one) for one in members.split(","))
            except ValueError as error:
                raise _no_store(text, str(error)) from None
            return replace(
                written,
                etcd=etcd,
                tls=written.tls or scheme == "etcds://",
                prefix=prefix or written.prefix,
            )
    raise _no_store(text, "it is of no known kind")


def _no_store(text: str, why: str) -> ConfigError:
    return ConfigError(
        f"{text!r} names no store: {why}",
        remedy="write `file`, or `etcd://10.0.0.1:2379,10.0.0.2:2379`, or etcds:// for TLS",
    )


def describe(choice: StoreChoice, state: StateFolder) -> str:
    """Name the store, for people."""
    if not choice.etcd:
        return str(state.store) if state.has_store() else "none yet"
    members = ",".join(str(one) for one in choice.etcd)
    return f"etcd{'s' if choice.tls else ''}://{members}/{choice.prefix}"


async def open_store(
    choice: StoreChoice, state: StateFolder, folder: Path, *, check_s: float | None
) -> Store:
    """Open a store. One on etcd is reached for at its first use: its absence ends no role.

    Args:
        folder: what relative paths count from.
        check_s: how long it may take to check a file's structure; None: a thorough look.

    Raises:
        StoreError: the file cannot be used; ConfigError: a secret or certificate cannot be read.
    """
    state.make()
    if not choice.etcd:
        store = await SqliteStore.open(state.store, FileOptions(check_s=check_s))
        return ReopeningStore(store, lambda: SqliteStore.open(state.store))
    return _on_etcd(choice, folder)


def _on_etcd(choice: StoreChoice, folder: Path) -> Store:
    # Imported where it is used: gRPC is an extra, and takes a while to load.
    from outlast.drivers.stores.etcd.link import Access  # noqa: PLC0415
    from outlast.drivers.stores.etcd.store import EtcdStore  # noqa: PLC0415

    access = Access(
        endpoints=choice.etcd,
        tls=choice.tls,
        ca=_read(choice.ca, folder),
        certificate=_read(choice.certificate, folder),
        key=_secret(choice.key, folder).encode() or None,
        user=choice.user,
        password=_secret(choice.password, folder),
    )

    async def reopen() -> Store:
        return EtcdStore(access, choice.prefix)

    return ReopeningStore(EtcdStore(access, choice.prefix), reopen)


def _read(name: str, folder: Path) -> bytes | None:
    if not name:
        return None
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{folder / name} cannot be read: {error.strerror}",
            remedy="look at `ca` and `certificate` in the topology's `store`",
        ) from error


def _secret(ref: SecretRef | None, folder: Path) -> str:
    return read_secret(ref, folder) if ref is not None else ""
