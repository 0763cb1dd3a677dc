"""Stop conditions: what ends an exercise early, read from the running system while it lasts.

Probes: once a target outside the drained region goes down that was up when the exercise began, or the guard
would refuse the evacuation by now, the exercise is over: what is left is needed. Metrics: any Prometheus
page, one comparison each. A page that cannot be read stops the exercise as well: who drives without
instruments does not know that all is well.
"""

import asyncio
import re
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from outlast.app.drain import prove
from outlast.app.preview import Preview
from outlast.app.session import Session
from outlast.model.errors import ConfigError
from outlast.model.health import Verdict
from outlast.model.override import Evacuation
from outlast.model.topology import Endpoint

_CONDITION = re.compile(r"(https?://\S+) ([a-zA-Z_:][\w:]*) ?([<>]) ?(-?[0-9.]+(?:e-?[0-9]+)?)\Z")
TIMEOUT_S = 3.0
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Metric:
    """Stop once a metric, summed over its labels, is above or below a value."""

    url: str
    name: str
    above: bool
    value: float

    def reason(self) -> str:
        """Return why to stop; empty: go on."""
        try:
            with urllib.request.urlopen(self.url, timeout=TIMEOUT_S) as page:  # noqa: S310 - checked to be http
                text = page.read().decode()
            samples = [
                sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == self.name
            ]
        except (OSError, ValueError) as error:
            return f"{self.url} cannot be read: {error}"
        if not samples:
            return f"{self.url} has no metric {self.name}"
        shown = sum(samples)
        if (shown > self.value) if self.above else (shown < self.value):
            return f"{self.name} is {shown:g}, {'above' if self.above else 'below'} {self.value:g}"
        return ""


def parse_metric(text: str) -> Metric:
    """Read a condition such as `http://127.0.0.1:9153/metrics errors_total > 100`.

    Raises:
        ConfigError: it is none.
    """
    found = _CONDITION.match(text)
    if found is None:
        raise ConfigError(
            f"{text!r} is no stop condition",
            remedy="write `http://HOST:PORT/metrics NAME > VALUE`, or `<`",
        )
    return Metric(found[1], found[2], found[3] == ">", float(found[4]))


class Watch:
    """Watches an exercise; what was down at its first look does not stop it."""

    def __init__(
        self,
        session: Session,
        endpoints: list[Endpoint],
        evacuation: Evacuation,
        metrics: Sequence[Metric],
    ) -> None:
        self._session = session
        self._endpoints = endpoints
        self._evacuation = evacuation
        self._metrics = metrics
        self._known: frozenset[str] | None = None

    async def reason(self) -> str:
        """Return why to stop now; empty: go on."""
        for metric in self._metrics:
            reason = await asyncio.to_thread(metric.reason)
            if reason:
                return reason
        previews = await prove(self._session, self._endpoints, self._evacuation)
        down = frozenset(name for one in previews for name in _down(one, self._evacuation.region))
        if self._known is None:
            self._known = down
        if down - self._known:
            return f"probes: {', '.join(sorted(down - self._known))} went down"
        for one in previews:
            if one.ruling is not None and not one.ruling.allowed:
                return f"probes: the guard would refuse {one.endpoint.name} by now"
        return ""

    async def until_stopped(self) -> str:
        """Wait until there is a reason to stop, and return it."""
        while True:
            reason = await self.reason()
            if reason:
                return reason
            await asyncio.sleep(LOOK_S)


def _down(one: Preview, region: str) -> Iterator[str]:
    inside = {str(target.name) for target in one.endpoint.targets if target.region == region}
    for health in one.state.health:
        if health.verdict is Verdict.DOWN and health.subject.split("/")[1] not in inside:
            yield str(health.subject)
