"""Wiring: the only file that knows which class stands behind each port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from outlast.app.state import StateFolder
from outlast.app.stores import choose, describe, open_store
from outlast.config.secrets import read_secret
from outlast.drivers.certificates import CertificateFile
from outlast.drivers.certify import Candidate
from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Tell
from outlast.drivers.lastgood import LastGoodFile
from outlast.drivers.ledger import Ledger
from outlast.drivers.providers.authority import ask
from outlast.drivers.providers.certified import CertifiedProvider
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.throttle import Throttles
from outlast.drivers.providers.tsig import Key
from outlast.drivers.signing import PlanSigner
from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.stores.reopening import share
from outlast.drivers.stores.role import RoleLock
from outlast.drivers.trail.folder import TileFolder
from outlast.drivers.trail.keeper import Keeper
from outlast.drivers.trail.record import CheckpointRecord
from outlast.drivers.trail.scribe import Scribe, hide_people
from outlast.drivers.witness import Witness
from outlast.model.api import ProviderKind
from outlast.model.errors import Bug
from outlast.model.names import DnsName, EnactorName, ProviderName, VantageName, zone_of
from outlast.model.plan import Layout, Observation, Plan
from outlast.model.topology import Address, Provider, StoreChoice, Topology
from outlast.ports import Clock, Store
from outlast.ports import Provider as ProviderPort
from outlast.trail.note import Signer as TrailSigner

if TYPE_CHECKING:
    from outlast.drivers.nameserver import FactHook, NameServer
    from outlast.drivers.reports.inquirer import Inquirer

EMBEDDED_KEY = DnsName("outlast-embedded")
"""Name of the key that the embedded name server makes for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One topology with the folder it works in: what every command starts from.

    Attributes:
        file: the topology file; references to secrets are relative to its folder.
        digest: digest of the file, for people.
        store_asked: the store that `--store` asks for; empty: the topology's.
        throttles: what vendors allow, shared by all connections of this process.
    """

    file: Path
    topology: Topology
    digest: str
    state: StateFolder
    clock: Clock
    store_asked: str = ""
    throttles: Throttles = field(default_factory=Throttles)

    def secret(self, provider: Provider) -> bytes | None:
        """Return the secret that a provider's writes are signed with.

        Raises:
            ConfigError: it cannot be read.
        """
        key = self.key(provider)
        return key.secret if key is not None else None

    def key(self, provider: Provider) -> Key | None:
        """Return the key that a provider's writes are signed with.

        Raises:
            ConfigError: its secret cannot be read, or is no base64.
        """
        if provider.key is not None:
            encoded = read_secret(provider.key.secret, self.file.parent)
            return Key.from_base64(provider.key.name, provider.key.algorithm, encoded)
        if provider.kind is ProviderKind.EMBEDDED:
            return Key(EMBEDDED_KEY, "hmac-sha256", self.state.embedded_secret())
        return None

    @property
    def certificates(self) -> CertificateFile:
        """What is certified of the providers."""
        return CertificateFile(self.state.root / "certificates.json")

    def provider(self, provider: Provider) -> ProviderPort:
        """Make a connection to a provider; it opens when first used.

        Its writes pass only if nothing speaks against the fence there, see `CertifiedProvider`.
        """
        plain = self.plain_provider(provider)
        if provider.kind is ProviderKind.EMBEDDED:  # our own; its tests are its certificate
            return plain
        return CertifiedProvider(
            plain,
            provider.fence,
            lambda: self.certificates.read().get(provider.name),
            place=place_of(provider),
            clock=self.clock,
            command=f"outlast certify {self.file} {provider.name}",
        )

    def plain_provider(self, provider: Provider) -> Candidate:
        """Make a connection that no certificate stands before: to certify it, or to look."""
        match provider.kind:
            case ProviderKind.ROUTE53:
                # Imported when there is one: it brings threads and its own way to sign along.
                from outlast.drivers.providers.route53 import Route53Provider  # noqa: PLC0415

                return Route53Provider(provider, self.clock, throttles=self.throttles)
            case ProviderKind.GCLOUD:
                from outlast.drivers.providers.gcloud import GcloudProvider  # noqa: PLC0415
                from outlast.drivers.providers.gcloud_client import default_token  # noqa: PLC0415

                ref = provider.token
                token = default_token()
                if ref is not None:  # read anew each time: whoever renews it writes it there
                    token = partial(read_secret, ref, self.file.parent)
                return GcloudProvider(provider, self.clock, token, throttles=self.throttles)
            case ProviderKind.POWERDNS if provider.token is not None:
                from outlast.drivers.providers.powerdns import PowerDnsProvider  # noqa: PLC0415
                from outlast.drivers.providers.powerdns_api import PowerDnsApi  # noqa: PLC0415

                secret = partial(read_secret, provider.token, self.file.parent)
                return PowerDnsProvider(
                    Rfc2136Provider(provider, self.key(provider), self.clock),
                    PowerDnsApi(provider.api.endpoint, provider.timeout_s, secret),
                    self.clock,
                    health_port=provider.api.health_port,
                )
            case _:
                return Rfc2136Provider(provider, self.key(provider), self.clock)

    def providers(self) -> dict[ProviderName, ProviderPort]:
        """Make a connection to every provider."""
        return {one.name: self.provider(one) for one in self.topology.providers}

    async def store(self, *, check_s: float | None = None) -> Store:
        """Open the store that was chosen; a file is made anew if there is none.

        Args:
            check_s: how long it may take to check the file's structure; None: a thorough look.
        """
        return await open_store(self.store_choice, self.state, self.file.parent, check_s=check_s)

    @property
    def store_choice(self) -> StoreChoice:
        """Which store was chosen."""
        return choose(self.store_asked, self.topology.store)

    @property
    def store_name(self) -> str:
        """The store, for people."""
        return describe(self.store_choice, self.state)

    def has_store(self) -> bool:
        """Whether there is a store, as far as can be told without asking it."""
        return bool(self.store_choice.etcd) or self.state.has_store()

    def take_role(self, role: str) -> RoleLock:
        """Take a role of this state folder for this process.

        Raises:
            StoreError: another process plays it already.
        """
        self.state.make()
        return RoleLock.take(self.state.store, role)

    def ledger(self, store: Store, name: str) -> Ledger:
        """Speak to a store in the words of the domain, as `name`."""
        signers: list[PlanSigner | None] = []

        def sign(plan: Plan) -> Plan:
            if (
                not signers
            ):  # read at the first plan: who makes none, such as an enactor, needs no key
                signers.append(self.signer())
            return plan if signers[0] is None else signers[0].sign(plan)

        return Ledger(share(store), self.clock, name, sign)

    def signer(self) -> PlanSigner | None:
        """Return what plans are signed with; None where the topology names no key.

        Raises:
            ConfigError: it names one that cannot be read; then nobody plans: unsigned, a plan looks forged.
        """
        ref = self.topology.settings.signing_key
        if ref is None:
            return None
        return PlanSigner.from_secret(read_secret(ref, self.file.parent))

    def trail_signer(self) -> TrailSigner:
        """Return who signs the checkpoints of this world's audit trail."""
        return TrailSigner.of(f"outlast.trail/{self.file.stem}", self.state.trail_secret())

    def trail_keeper(self, store: Store, tell: Tell) -> Keeper:
        """Make what copies the journal into the audit trail and publishes it."""
        store = share(store)
        scribe = Scribe(store, hide_people(self.state.people_secret()))
        signer, choice = self.trail_signer(), self.topology.trail
        roots = [self.state.trail, *(self.file.parent / one for one in choice.folders)]
        folders = [TileFolder(one, signer) for one in roots]
        return Keeper(store, scribe, folders, tell=tell, record=self._checkpoint_record())

    def _checkpoint_record(self) -> CheckpointRecord | None:
        """Return the record in the DNS that shows the trail's checkpoint, where the topology names one."""
        name = self.topology.trail.checkpoint
        if name is None:
            return None
        providers, key = self.topology.providers, self.trail_signer().verifier
        zone = zone_of(name, tuple(zone for one in providers for zone in one.zones))
        if zone is None:
            raise Bug(f"{name} lies in no provider's zone, which the topology's rules exclude")
        at = next(one for one in providers if zone in one.zones)
        return CheckpointRecord(self.provider(at), name=name, zone=zone, at=at.name, key=key)

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

    def inquirer(self, vantage: VantageName, store: Store, tell: Tell) -> "Inquirer":
        """Make what carries out, at a vantage, the probes that detection orders."""
        # Imported when there is one, as the name server below.
        from outlast.drivers.reports.inquirer import Inquirer  # noqa: PLC0415
        from outlast.drivers.reports.orders import Orders  # noqa: PLC0415

        orders = Orders(store, self.clock)
        return Inquirer(vantage, self.topology, orders=orders, clock=self.clock, tell=tell)

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


def place_of(provider: Provider, more: Sequence[Address] = ()) -> str:
    """Say where a provider's writes go: its kind, its address, and further servers of the same data."""
    where = str(provider.server)
    if provider.kind.has_api:
        where = provider.api.endpoint or "api"
    return " ".join([provider.kind, where, *(str(one) for one in more)])


def real_clock() -> Clock:
    """Return the clock of the real world."""
    return SystemClock()


def forgetful_store() -> Store:
    """Return a store that lives in memory, for demonstrations and one-shot previews."""
    return MemoryStore()


def enactor_names(topology: Topology) -> list[EnactorName]:
    """Return the names of the enactors that the topology asks for."""
    return [EnactorName(f"enactor-{index + 1}") for index in range(topology.settings.enactors)]
