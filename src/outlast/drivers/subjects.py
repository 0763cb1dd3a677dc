"""Subjects: what is probed of each endpoint, and whose each probed address is."""

from collections.abc import Iterable

from outlast.model.names import EndpointName, Subject
from outlast.model.topology import Endpoint, subject_of


class Subjects:
    """An index both ways, kept as endpoints change."""

    def __init__(self) -> None:
        self._of: dict[EndpointName, tuple[Subject, ...]] = {}
        self._owner: dict[Subject, EndpointName] = {}

    def meet(self, endpoint: Endpoint) -> None:
        """Take an endpoint as it is now."""
        for subject in self.of(endpoint.name):
            self._owner.pop(subject, None)
        subjects = tuple(
            subject_of(endpoint.name, target.name, family)
            for target in endpoint.targets
            for family in target.families
        )
        self._of[endpoint.name] = subjects
        for subject in subjects:
            self._owner[subject] = endpoint.name

    def of(self, name: EndpointName) -> tuple[Subject, ...]:
        """Return what is probed of an endpoint; nothing if it is not known."""
        return self._of.get(name, ())

    def __contains__(self, name: EndpointName) -> bool:
        return name in self._of

    def owners(self, changed: Iterable[Subject] | None) -> set[EndpointName]:
        """Return whose these are; None: everybody."""
        if changed is None:
            return set(self._of)
        return {self._owner[one] for one in changed if one in self._owner}
