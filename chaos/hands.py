"""The hands that do the faults: one method a kind, each undoing what it did before it returns."""

import random

from chaos.drawing import Planned
from chaos.etcd import EtcdArchivist, EtcdHands
from chaos.notdone import Hand
from chaos.people_hands import PeopleHands
from chaos.process_hands import ProcessHands
from chaos.system import System
from chaos.zone_hands import ZoneHands


def _of_etcd(system: System) -> dict[str, Hand]:
    archivist = system.archivist
    return EtcdHands(archivist).hands() if isinstance(archivist, EtcdArchivist) else {}


class Hands:
    """Carries out planned faults on one system."""

    def __init__(self, system: System) -> None:
        self._hands = {
            **ProcessHands(system).hands(),
            **ZoneHands(system).hands(),
            **PeopleHands(system).hands(),
            **_of_etcd(system),
        }

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of faults that these hands can do."""
        return frozenset(self._hands)

    async def do(self, planned: Planned) -> str:
        """Do one fault and undo it; return what happened.

        Raises:
            NotDone: it could not be done.
        """
        return await self._hands[planned.kind.name](planned, random.Random(planned.dice))
