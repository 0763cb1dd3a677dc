"""The prober: one probe of any kind, from an assignment to a report."""

import asyncio

from outlast.drivers.probes import dns, tcp
from outlast.drivers.probes.http import HttpProber
from outlast.drivers.probes.judgement import Judgement, judge_error
from outlast.drivers.probes.tls import Contexts
from outlast.drivers.probes.wire import OwnFault
from outlast.model.health import Report
from outlast.model.names import VantageName
from outlast.model.topology import CheckKind
from outlast.model.units import seconds
from outlast.ports import Assignment, Clock, Unjudged

_MESSAGE_ID_DIGITS = 4


class WireProber:
    """Probes over real sockets; implements `ports.Prober`.

    Args:
        contexts: for TLS; by default the system's trusted roots.
        keep_alive: keep HTTP connections between probes. Such a probe does not test whether the
            target still accepts connections.
    """

    def __init__(
        self,
        vantage: VantageName,
        clock: Clock,
        *,
        contexts: Contexts | None = None,
        keep_alive: bool = False,
    ) -> None:
        self._vantage = vantage
        self._clock = clock
        self._http = HttpProber(contexts or Contexts(), keep_alive=keep_alive)

    async def probe(self, assignment: Assignment) -> Report | Unjudged:
        """Probe once, within the check's time-out. Never raises for what the target does."""
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        try:
            judgement = await self._judge(assignment, began_s + assignment.check.timeout_s)
        except OwnFault as fault:
            return Unjudged(assignment.subject, self._clock.now_ns(), str(fault))
        except OSError as error:
            judgement = judge_error(error, timeout_s=assignment.check.timeout_s)
        return Report(
            vantage=self._vantage,
            subject=assignment.subject,
            good=judgement.good,
            at_ns=self._clock.now_ns(),
            latency_ns=seconds(now_s() - began_s),
            detail=judgement.detail,
        )

    def close(self) -> None:
        """Give up kept connections."""
        self._http.close()

    async def _judge(self, assignment: Assignment, deadline: float) -> Judgement:
        match assignment.check.kind:
            case CheckKind.HTTP | CheckKind.HTTPS:
                return await self._http.check(assignment, deadline=deadline, clock=self._clock)
            case CheckKind.TCP:
                return await tcp.check(assignment, deadline=deadline)
            case CheckKind.DNS:
                message_id = int(self._clock.nonce()[:_MESSAGE_ID_DIGITS], 16)
                return await dns.check(assignment, deadline=deadline, message_id=message_id)
            case CheckKind.NONE:
                return Judgement(good=True, detail="not probed")
