"""Wiring: the only file that knows which class stands behind each port."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from outlast.app.state import StateFolder
from outlast.config.secrets import read_secret
from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Tell
from outlast.drivers.lastgood import LastGoodFile
from outlast.drivers.ledger import Ledger
from outlast.drivers.providers.authority import ask
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.throttle import Throttles
from outlast.drivers.providers.tsig import Key
from outlast.drivers.stores.file import FileOptions
from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.stores.reopening import ReopeningStore
from outlast.drivers.stores.role import RoleLock
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.drivers.witness import Witness
from outlast.model.api import ProviderKind
from outlast.model.names import DnsName, EnactorName, ProviderName
from outlast.model.plan import Layout, Observation
from outlast.model.topology import Address, Provider, Topology
from outlast.ports import Clock, Store
from outlast.ports import Provider as ProviderPort

if TYPE_CHECKING:
    from outlast.drivers.nameserver import FactHook, NameServer

EMBEDDED_KEY = DnsName("outlast-embedded")
"""Name of the key that the embedded name server makes for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One topology with the folder it works in: what every command starts from.

    Attributes:
        file: the topology file; references to secrets are relative to its folder.
        digest: digest of the file, for people.
        throttles: what vendors allow, shared by all connections of this process.
    """

    file: Path
    topology: Topology
    digest: str
    state: StateFolder
    clock: Clock
    throttles: Throttles = field(default_factory=Throttles)

    def secret(self, provider: Provider) -> bytes | None:
        """Return the secret that a provider's writes are signed with.

        Raises:
            ConfigError: it cannot be read.
        """
        if provider.key is not None:
            return base64.b64decode(read_secret(provider.key.secret, self.file.parent))
        if provider.kind is ProviderKind.EMBEDDED:
            return self.state.embedded_secret()
        return None

    def key(self, provider: Provider) -> Key | None:
        """Return the key that a provider's writes are signed with."""
        secret = self.secret(provider)
        if secret is None:
            return None
        if provider.key is None:
            return Key(EMBEDDED_KEY, "hmac-sha256", secret)
        return Key(provider.key.name, provider.key.algorithm, secret)

    def provider(self, provider: Provider) -> ProviderPort:
        """Make a connection to a provider; it opens when first used."""
        match provider.kind:
            case ProviderKind.ROUTE53:
                # Imported when there is one: it brings threads and its own way to sign along.
                from outlast.drivers.providers.route53 import Route53Provider  # noqa: PLC0415

                return Route53Provider(provider, self.clock, throttles=self.throttles)
            case _:
                return Rfc2136Provider(provider, self.key(provider), self.clock)

    def providers(self) -> dict[ProviderName, ProviderPort]:
        """Make a connection to every provider."""
        return {one.name: self.provider(one) for one in self.topology.providers}

    async def store(self, *, check_s: float | None = None) -> Store:
        """Open the embedded store, made anew if there is none.

        Args:
            check_s: how long it may take to check the file's structure; None: a thorough look.
        """
        self.state.make()
        store = await SqliteStore.open(self.state.store, FileOptions(check_s=check_s))
        return ReopeningStore(store, lambda: SqliteStore.open(self.state.store))

    def take_role(self, role: str) -> RoleLock:
        """Take a role of this state folder for this process.

        Raises:
            StoreError: another process plays it already.
        """
        self.state.make()
        return RoleLock.take(self.state.store, role)

    def ledger(self, store: Store, name: str) -> Ledger:
        """Speak to a store in the words of the domain, as `name`."""
        return Ledger(store, self.clock, name)

    def last_good_keys(self) -> Mapping[ProviderName, bytes]:
        """Return what the last-known-good file is authenticated with: each provider's own secret.

        A provider without a key has nothing to authenticate with; its name stands in for a secret, which
        still finds damage, though not forgery.
        """
        return {
            one.name: self.secret(one) or f"unkeyed {one.name}".encode()
            for one in self.topology.providers
        }

    def last_good(self, enactor: EnactorName) -> LastGoodFile:
        """Open an enactor's last-known-good file."""
        path = self.state.last_good(enactor)
        return LastGoodFile(path, self.last_good_keys(), topology=self.digest)

    def witness(self, role: str, ledger: Ledger, tell: Tell) -> Witness:
        """Make what asks the authoritative servers beside each provider's primary."""
        servers = {
            one.name: [server for server in one.verify_servers if server != one.server]
            for one in self.topology.providers
        }

        async def ask_server(server: Address, layout: Layout) -> Observation:
            return await ask(server, layout, self.clock)

        return Witness(role, servers, ask=ask_server, ledger=ledger, clock=self.clock, tell=tell)

    def name_server(self, provider: Provider, on_fact: "FactHook") -> "NameServer":
        """Make the embedded name server of a provider of that kind."""
        # Imported when one is started: the other commands start a third sooner without it.
        from outlast.drivers.nameserver import Key as ServerKey  # noqa: PLC0415
        from outlast.drivers.nameserver import NameServer, NameServerSettings  # noqa: PLC0415

        key = self.key(provider)
        settings = NameServerSettings(
            negative_ttl_s=provider.negative_ttl_s, secondaries=provider.secondaries
        )
        return NameServer(
            provider.zones,
            (provider.server,),
            (ServerKey(key.name, key.algorithm, key.secret),) if key is not None else (),
            self.state.zones / provider.name,
            settings,
            on_fact=on_fact,
        )


def real_clock() -> Clock:
    """Return the clock of the real world."""
    return SystemClock()


def forgetful_store() -> Store:
    """Return a store that lives in memory, for demonstrations and one-shot previews."""
    return MemoryStore()


def enactor_names(topology: Topology) -> list[EnactorName]:
    """Return the names of the enactors that the topology asks for."""
    return [EnactorName(f"enactor-{index + 1}") for index in range(topology.settings.enactors)]
