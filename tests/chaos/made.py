"""Made-up histories: one endpoint, a few answers, a line each."""

from dataclasses import dataclass, field, replace

from chaos.history import (
    SECOND_NS,
    Act,
    Answer,
    Archived,
    Fault,
    History,
    Named,
    Promise,
    Run,
    StoreLook,
)

from outlast.model.fence import Fence
from outlast.model.names import DnsName
from outlast.model.records import RecordSet, RecordType, digest_of
from outlast.model.units import Generation

NAME = DnsName("www.example.org")
SHOP = Named(endpoint="shop", names=(NAME,), floor=1)


def records(*addresses: str) -> tuple[RecordSet, ...]:
    """The records of one name."""
    return (RecordSet.of(NAME, RecordType.A, 1, list(addresses)),) if addresses else ()


def fence(generation: int, *addresses: str, writer: str = "enactor-1", nonce: int = 0) -> str:
    """The fence of a publication."""
    digest = digest_of(records(*addresses))
    return str(Fence(Generation(generation), digest, f"{nonce or generation:016x}", writer))


def answer(generation: int, *addresses: str, writer: str = "enactor-1", nonce: int = 0) -> Answer:
    """A whole publication."""
    values = (fence(generation, *addresses, writer=writer, nonce=nonce),)
    return Answer(fence=values, fence_after=values, records=records(*addresses))


EMPTY = Answer()
SILENT = Answer(fault="no answer")


def at(seconds: float) -> int:
    """A moment of the run."""
    return int((100 + seconds) * SECOND_NS)


@dataclass(slots=True)
class Story:
    """Collects what happens, second by second."""

    runs: list[Run] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    plans: list[Archived] = field(default_factory=list)
    looks: list[StoreLook] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    now_s: float = 0.0

    def sees(self, what: Answer, *, for_s: float = 1.0, subject: str = "shop") -> "Story":
        """The checker sees an answer for a while."""
        start, end = at(self.now_s), at(self.now_s + for_s)
        step = SECOND_NS // 100
        self.runs.append(
            Run(
                subject=subject,
                first_ns=start,
                first_end_ns=start + step,
                last_ns=end - 2 * step,
                last_end_ns=end - step,
                count=10,
                answer=what,
            )
        )
        self.now_s += for_s
        return self

    def publishes(self, generation: int, *addresses: str, for_s: float = 1.0) -> "Story":
        """A plan is made, allowed and published."""
        self.allows(generation, *addresses)
        return self.sees(answer(generation, *addresses), for_s=for_s)

    def allows(self, generation: int, *addresses: str, allowed: bool = True) -> "Story":
        """A plan is in the store."""
        self.plans.append(
            Archived(
                endpoint="shop",
                generation=generation,
                digest=digest_of(records(*addresses)),
                origin="automatic",
                allowed=allowed,
            )
        )
        return self

    def wiped(self, *values: str, taken: bool = True) -> "Story":
        """The foreign hand does something, just now."""
        began = at(self.now_s) - SECOND_NS // 50
        self.acts.append(
            Act(
                kind="wipe-name",
                endpoint="shop",
                began_ns=began,
                ended_ns=began + SECOND_NS // 100,
                values=values,
                taken=taken,
            )
        )
        return self

    def fails(self, kind: str, target: str, *, for_s: float) -> "Story":
        """A fault begins now."""
        self.faults.append(
            Fault(
                number=len(self.faults) + 1,
                kind=kind,
                target=target,
                began_ns=at(self.now_s),
                ended_ns=at(self.now_s + for_s),
            )
        )
        return self

    def looked(
        self, *generations: tuple[int, str], since_s: float = -1.0, took_s: float = 0.0
    ) -> "Story":
        """A look into the store that ends just now: what is in it."""
        plans = tuple(
            ("shop", generation, digest_of(records(address))) for generation, address in generations
        )
        took_ns = int(took_s * SECOND_NS)
        at_ns = at(self.now_s) - SECOND_NS // 20 - took_ns
        look = StoreLook(since_ns=at(since_s), at_ns=at_ns, plans=plans, took_ns=took_ns)
        self.looks.append(look)
        return self

    def history(self) -> History:
        """The whole history."""
        return History(
            server="made-up",
            seed=0,
            command="none",
            began_ns=at(0),
            ended_ns=at(self.now_s),
            faults_end_ns=at(self.now_s),
            endpoints=(SHOP,),
            runs=tuple(self.runs),
            faults=tuple(self.faults),
            acts=tuple(self.acts),
            plans=tuple(self.plans),
            looks=tuple(self.looks),
            promises=tuple(self.promises),
        )


def with_zone(history: History, after: tuple[str, ...]) -> History:
    """The same history, with the neighbours found otherwise at its end."""
    return replace(history, zone_before=("mail 60 A 198.51.100.25",), zone_after=after)
