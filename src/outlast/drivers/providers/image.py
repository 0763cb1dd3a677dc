"""The image of a zone: all of its records of the types that Outlast knows, as one transfer showed them.

With 100,000 endpoints most of it is only ever compared, so values are kept as they came, and record
sets and observations are made of them when somebody asks for one.
"""

from collections.abc import Collection, Mapping

from outlast.core.tree import leads_to, place_of, through
from outlast.drivers.providers.reading import Question, observe, questions_of
from outlast.drivers.providers.wire import RECORD_TYPES, TYPE_CODES
from outlast.model.names import DnsName
from outlast.model.plan import Layout, Observation
from outlast.model.records import TTL_MAX_S, RecordSet, RecordType, weights_name
from outlast.model.topology import Address
from outlast.model.units import Nanos

Piece = tuple[int, str | tuple[str, ...]]
"""TTL, and the only value, or all of them in order."""


_WEIGHTS = weights_name(DnsName(""))
"""What the names of weights begin with."""


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
        # Most types stand at few names: what is empty needs no look. TXT records at the names themselves
        # are nobody's business here, those of fences and weights are looked up at theirs.
        self._texts = sets[TYPE_CODES[RecordType.TXT]]
        data = (RecordType.A, RecordType.AAAA, RecordType.CNAME)
        self._data = [(one, sets[TYPE_CODES[one]]) for one in data if sets[TYPE_CODES[one]]]
        self._weighted = any(name.startswith(_WEIGHTS) for name in self._texts)

    @property
    def aliases(self) -> Collection[str]:
        """The names at which a CNAME stands."""
        return self._sets[TYPE_CODES[RecordType.CNAME]].keys()

    def gather(self, parts: list[object], name: str) -> None:
        """Put everything of ours that stands at a name behind the parts: equal parts, equal records."""
        for rtype, sets in self._data:
            piece = sets.get(name)
            if piece is not None:
                parts += (rtype, piece)
        if self._weighted:
            parts.append(self._texts.get(_WEIGHTS + name))

    def fence_at(self, name: str) -> Piece | None:
        """Return what TXT records stand at a fence's name."""
        return self._texts.get(name)

    def observation(self, layout: Layout, at_ns: Nanos) -> Observation:
        """Return what an endpoint's own reading would have shown.

        Raises:
            ProviderError: as `reading.observe`.
        """
        seen = self._read(layout, at_ns)
        top = leads_to(seen)
        whole = through(seen, self._read(place_of(layout, top), at_ns)) if top else seen
        return seen if whole is None else whole

    def _read(self, layout: Layout, at_ns: Nanos) -> Observation:
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
