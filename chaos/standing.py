"""What stands in the DNS for one endpoint right now, asked once, for the hands and the promises."""

from dataclasses import dataclass

from chaos.history import Named
from chaos.observer import Asker, NoAnswer, endpoint_questions
from outlast.model.fence import Fence, fence_name, parse_fence
from outlast.model.names import DnsName
from outlast.model.records import RecordSet, RecordType, digest_of, sort_record_sets
from outlast.model.topology import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One endpoint's fence, if it is a proper one, and its records."""

    fence: Fence | None
    records: tuple[RecordSet, ...]

    @property
    def whole(self) -> bool:
        """Whether a fence stands there, and beside it just what it names."""
        return self.fence is not None and digest_of(self.records) == self.fence.digest

    def addresses(self, name: str) -> frozenset[str]:
        """The IPv4 addresses at a name."""
        return frozenset(
            value
            for one in self.records
            if one.name == name and one.rtype is RecordType.A
            for value in one.values
        )


NOTHING = Standing(fence=None, records=())


def standing(server: Address, named: Named) -> Standing:
    """Ask for one endpoint; nothing if there is no answer."""
    asker = Asker((server.host, server.port))
    try:
        at = fence_name(DnsName(named.names[0]))
        values = tuple(value for one in asker.ask(((at, "TXT"),))[0] for value in one.values)
        sets = [one for two in asker.ask(endpoint_questions(named.names)) for one in two]
    except NoAnswer:
        return NOTHING
    finally:
        asker.close()
    known = {(one.name, one.rtype): one for one in sets}
    return Standing(fence=parse_fence(values), records=sort_record_sets(list(known.values())))
