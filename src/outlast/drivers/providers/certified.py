"""The guard before a provider's writes: no write by a fence that was not seen to hold.

Who claims `fence: full` in the topology is held to it: without a certificate of that grade for this very
place and version nothing is written there. Who claims nothing is taken at the word of the software's
documents and is warned; but a certificate that says less than full, or one of another version, is no
longer nothing, and stops the writes as well. Who claims less (`record-set`, `lease`) knows what to expect.

The version is asked for once and again after a while, since servers are upgraded under our feet.
"""

from collections.abc import Callable
from typing import Protocol

from outlast.model.certificate import Certificate
from outlast.model.errors import OutlastError, ProviderError
from outlast.model.facts import FenceGrade
from outlast.model.plan import Outcome, OutcomeKind, Transaction
from outlast.model.units import Nanos, seconds
from outlast.ports import Clock, Provider

ASK_AGAIN_S = 60.0


class Versioned(Provider, Protocol):
    """A provider that knows what runs there."""

    async def version(self) -> str:
        """Name the software and its version."""
        ...


class CertifiedProvider:
    """A provider whose writes pass only with the right certificate; see `ports.Provider`.

    Args:
        claim: the grade that the topology claims; None: none.
        certificate: returns the present certificate of the provider, None where there is none.
        place: kind and address of what is written to.
        command: what to run to get one.
    """

    def __init__(
        self,
        provider: Versioned,
        claim: FenceGrade | None,
        certificate: Callable[[], Certificate | None],
        *,
        place: str,
        clock: Clock,
        command: str,
    ) -> None:
        self._provider = provider
        self._claim = claim
        self._certificate = certificate
        self._place = place
        self._clock = clock
        self._command = command
        self._good_until_ns = Nanos(0)
        self.read = provider.read
        self.close = provider.close
        self.version = provider.version
        if hasattr(provider, "portray"):  # a way to read a whole zone at once, where there is one
            self.portray = provider.portray

    async def write(self, transaction: Transaction) -> Outcome:
        """Carry out one transaction, if the fence there is known to hold."""
        if self._clock.now_ns() >= self._good_until_ns:
            try:
                objection = await self._objection()
            except ProviderError as fault:
                return Outcome(kind=OutcomeKind.BUSY, detail=f"nothing was sent: {fault.what}")
            except OutlastError as fault:
                return Outcome(kind=OutcomeKind.REJECTED, detail=f"{fault.what}; {fault.remedy}")
            if objection:
                detail = f"{objection}; run: {self._command}"
                return Outcome(kind=OutcomeKind.REJECTED, detail=detail)
            self._good_until_ns = Nanos(self._clock.now_ns() + seconds(ASK_AGAIN_S))
        return await self._provider.write(transaction)

    async def _objection(self) -> str:
        """Say what is wrong with writing there; empty: nothing."""
        if self._claim not in {None, FenceGrade.FULL}:
            return ""
        found = self._certificate()
        if found is None:
            return "" if self._claim is None else "`fence: full` is claimed, but not certified"
        if found.grade is not FenceGrade.FULL:
            return f"the fence was found to be worth `{found.grade}`, not `full`"
        if not f"{found.place} ".startswith(f"{self._place} "):
            return f"certified was {found.place}, this is {self._place}"
        version = await self._provider.version()
        if version != found.version:
            return (
                f"certified was {found.version or 'no version'}, here runs {version or 'another'}"
            )
        return ""
