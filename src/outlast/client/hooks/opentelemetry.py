"""Facts as events on the current span: `application.hooks.add(tracing_hook())`.

So a trace shows beside each slow or degraded request which dependency it was and what answered instead.
"""

from opentelemetry import trace

from outlast.client.facts import Fact, Hook, Mode, Served


def tracing_hook() -> Hook:
    """Return a hook that adds span events, and the mode as an attribute."""

    def tell(fact: Fact) -> None:
        span = trace.get_current_span()
        if not span.is_recording():
            return
        if isinstance(fact, Served):
            span.set_attribute("outlast.mode", fact.mode)
            if fact.mode is Mode.FULL:
                return
        fields = {f"outlast.{key}": one for key, one in fact._asdict().items() if one is not None}
        span.add_event(f"outlast.{type(fact).__name__.lower()}", fields)

    return tell
