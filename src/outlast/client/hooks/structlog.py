"""Facts as log lines: `application.hooks.add(logging_hook())`. Full service is not logged."""

import structlog

from outlast.client.facts import Fact, Failed, Hook, Mode, Served

EVENTS = {
    "Degraded": "dependency_degraded",
    "Failed": "dependency_failed",
    "Retried": "dependency_retried",
    "Hedged": "dependency_hedged",
    "Moved": "circuit_moved",
    "Levelled": "brownout_level",
    "StaleName": "stale_name_used",
    "Served": "function_served",
}


def logging_hook(logger: structlog.typing.FilteringBoundLogger | None = None) -> Hook:
    """Return a hook that writes warnings, errors where nothing was served."""
    log = logger or structlog.get_logger("outlast.client")

    def tell(fact: Fact) -> None:
        if isinstance(fact, Served) and fact.mode is Mode.FULL:
            return
        lost = isinstance(fact, Failed) or (isinstance(fact, Served) and fact.mode is Mode.DOWN)
        fields = {key: value for key, value in fact._asdict().items() if value is not None}
        (log.error if lost else log.warning)(EVENTS[type(fact).__name__], **fields)

    return tell
