"""Session: what a one-shot command opens, and closes again whatever happens."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from outlast.app.wiring import World, forgetful_store
from outlast.drivers.ledger import Ledger
from outlast.model.names import ProviderName
from outlast.ports import Provider, Store

CHECK_S = 0.05
"""How long a command looks for damage in the store before it begins. `outlast up` looks longer; whatever
page a command then reads is still found out if it is damaged."""


Agree = Callable[[str], bool]
"""Asked after everything was shown and before anything is changed, with a line that names exactly what would
be done; whoever says no has seen a preview. So what people see before is what happens after, in one piece of
code, at the command line and on the board."""


DECLINED = 1
"""Exit code of what somebody did not agree to."""


def always(what: str) -> bool:
    """Agree: it was asked for in so many words."""
    del what
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open store and connections to every provider."""

    world: World
    store: Store
    ledger: Ledger
    providers: Mapping[ProviderName, Provider]


@contextlib.asynccontextmanager
async def open_session(world: World, name: str, *, writes: bool) -> AsyncIterator[Session]:
    """Open a session.

    Args:
        name: who writes, in the journal.
        writes: whether the command writes to the store. A command that only reads makes no store where
            there is none: it then knows nothing but the DNS and what it probes itself.
    """
    fresh = not writes and not world.has_store()
    store = forgetful_store() if fresh else await world.store(check_s=CHECK_S)
    providers = world.providers()
    try:
        yield Session(
            world=world,
            store=store,
            ledger=world.ledger(store, name),
            providers=providers,
        )
    finally:
        for provider in providers.values():
            await provider.close()
        await store.close()
