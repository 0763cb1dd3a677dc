"""The image of a zone: all of its records of the types that Outlast knows, as one transfer showed them.

With 100,000 endpoints most of it is only ever compared, so values are kept as they came, and record
sets and observations are made of them when somebody asks for one.
"""

from collections.abc import Collection, Mapping

from outlast.drivers.providers.reading import Question, observe, questions_of
from outlast.drivers.providers.wire import RECORD_TYPES, TYPE_CODES
from outlast.model.names import DnsName
from outlast.model.plan import Layout, Observation
from outlast.model.records import TTL_MAX_S, RecordSet, RecordType
from outlast.model.topology import Address
from outlast.model.units import Nanos

Piece = tuple[int, str | tuple[str, ...]]
"""TTL, and the only value, or all of them in order."""


class ZoneImage:
    """What one zone held at one moment: a transfer shows a single version of it.

    Args:
        sets: by the type's number, then by name.
    """

    def __init__(
        self, zone: DnsName, sets: Mapping[int, Mapping[str, Piece]], server: Address
    ) -> None:
        self.zone = zone
        self._sets = sets
        self._server = server
        self._data = tuple(sets[code] for code in sorted(sets))

    @property
    def aliases(self) -> Collection[str]:
        """The names at which a CNAME stands."""
        return self._sets[TYPE_CODES[RecordType.CNAME]].keys()

    def pieces_at(self, name: str) -> tuple[Piece | None, ...]:
        """Return what stands at a name, one piece a type: equal pieces, equal records."""
        return tuple([one.get(name) for one in self._data])

    def observation(self, layout: Layout, at_ns: Nanos) -> Observation:
        """Return what an endpoint's own reading would have shown.

        Raises:
            ProviderError: as `reading.observe`.
        """
        answers = {one: self._answer(one) for one in questions_of(layout)}
        return observe(layout, answers, self._server, at_ns)

    def _answer(self, question: Question) -> list[RecordSet]:
        codes = (TYPE_CODES[RecordType.CNAME], question.code)
        pieces = [(code, self._sets[code].get(question.name)) for code in codes]
        return [_record_set(question.name, code, piece) for code, piece in pieces if piece]

    def record_sets(self) -> tuple[RecordSet, ...]:
        """Return all record sets, type by type."""
        return tuple(
            _record_set(name, code, piece)
            for code, sets in self._sets.items()
            for name, piece in sets.items()
        )


def _record_set(name: str, code: int, piece: Piece) -> RecordSet:
    ttl_s, values = piece
    return RecordSet(
        DnsName(name),
        RECORD_TYPES[code],
        # RFC 2181 section 8: a TTL with its highest bit set counts as 0.
        ttl_s if ttl_s <= TTL_MAX_S else 0,
        values if isinstance(values, tuple) else (values,),
    )
