"""The `outage` fixture's object: strike a dependency, a region, a provider, for as long as a `with` lasts."""

import contextlib
from collections.abc import Iterator

from outlast.client.application import Application
from outlast.pytest_plugin.faults import DNS_FAULTS, Cell, Fault, hosts_of
from outlast.pytest_plugin.stage import Stage


class Outage:
    """Faults on demand.

    Attributes:
        cell: what `pytest --outages` does to this test; None: nothing.
    """

    def __init__(self, application: Application | None, stage: Stage, cell: Cell | None) -> None:
        self._application = application
        self._stage = stage
        self.cell = cell

    def wipe(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have a dependency's or host's name answer NOERROR with nothing."""
        return self.strike(target, Fault.WIPE)

    def nxdomain(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have the name not exist."""
        return self.strike(target, Fault.NXDOMAIN)

    def servfail(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have the resolver fail."""
        return self.strike(target, Fault.SERVFAIL)

    def silent(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have the resolver not answer."""
        return self.strike(target, Fault.SILENT)

    def blackhole(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have connections hang."""
        return self.strike(target, Fault.BLACKHOLE)

    def refuse(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have connections refused."""
        return self.strike(target, Fault.REFUSE)

    def reset(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have connections reset once something was sent."""
        return self.strike(target, Fault.RESET)

    def latency(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have answers come 3 s late."""
        return self.strike(target, Fault.LATENCY)

    def drip(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have answers come at 200 bytes a second."""
        return self.strike(target, Fault.DRIP)

    def errors(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have every request answered with 503."""
        return self.strike(target, Fault.ERROR_5XX)

    def throttle(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have every request answered with 429 and Retry-After: 1."""
        return self.strike(target, Fault.THROTTLE)

    def credentials(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have every request refused for stale credentials."""
        return self.strike(target, Fault.CREDENTIALS)

    def certificate(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Have the server show an expired certificate."""
        return self.strike(target, Fault.CERTIFICATE)

    def region(
        self, name: str, fault: Fault = Fault.WIPE
    ) -> contextlib.AbstractContextManager[None]:
        """Strike all hosts of a region at once."""
        return self.strike(f"region {name}", fault)

    def provider(
        self, name: str, fault: Fault = Fault.REFUSE
    ) -> contextlib.AbstractContextManager[None]:
        """Strike all hosts of a provider at once."""
        return self.strike(f"provider {name}", fault)

    @contextlib.contextmanager
    def strike(self, target: str, fault: Fault, *, scope: str = "all") -> Iterator[None]:
        """Strike a dependency (by name), a host, `region NAME` or `provider NAME`.

        Raises:
            ValueError: nothing has this name.
        """
        hosts, tls = self._find(target, fault, scope)
        self._refresh()
        with self._stage.fault(hosts, fault, tls=tls):
            yield
        self._refresh()

    def met(self, target: str, fault: Fault, scope: str = "all") -> int:
        """Return how often a strike was really met."""
        hosts, _ = self._find(target, fault, scope)
        return sum(self._stage.met[host.rpartition(":")[0] or host] for host in hosts)

    def _find(self, target: str, fault: Fault, scope: str) -> tuple[list[str], bool]:
        dependencies = list(self._application.dependencies.values()) if self._application else []
        known = {one.name for one in dependencies}
        if target in known or target.startswith(("region ", "provider ")):
            hosts = hosts_of(Cell(target, scope, fault), dependencies)
            if not hosts:
                raise ValueError(
                    f"{target!r} has no hosts to strike; declare hosts=, regions=, provider="
                )
            tls = any(
                one.protocol == "https" and set(one.hosts) & set(hosts) for one in dependencies
            )
            return hosts, tls
        if "." not in target and ":" not in target:
            names = ", ".join(sorted(known)) or "none"
            raise ValueError(f"no dependency is named {target!r}; declared are: {names}")
        return [target], fault not in DNS_FAULTS and target.endswith(":443")

    def _refresh(self) -> None:
        """Make look-ups go out anew; what is remembered stays, and so do circuits."""
        if self._application is not None:
            self._application.resolver.expire()
