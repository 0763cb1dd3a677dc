"""What every authoritative server answers now: the plan as the world meets it, server by server."""

from collections.abc import Mapping
from dataclasses import dataclass

from outlast.model.plan import Drift, Observation, Proof
from outlast.model.records import RecordType


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One server's word about one endpoint.

    Attributes:
        answers: values by name, as text; empty where it could not be asked.
        fence: its generation, writer and the beginning of its digest; empty: none that is well-formed.
        kind: `good` exactly the plan, `warn` differs, `bad` empty or silent.
        says: in a word or a line.
    """

    server: str
    provider: str
    answers: tuple[tuple[str, str], ...]
    fence: str
    kind: str
    says: str


def heard(
    server: str,
    provider: str,
    observation: Observation | None,
    judged: Proof | Drift | None,
    regions: Mapping[str, str],
) -> Heard:
    """Return what a server says.

    Args:
        observation: None: it could not be asked.
        judged: what that is beside the newest plan; None: there is none to compare with.
        regions: region of each known address.
    """
    answers: dict[str, list[str]] = {}
    for one in observation.record_sets if observation is not None else ():
        if one.rtype is not RecordType.TXT:
            line = answers.setdefault(f"{one.name} {one.rtype}", [])
            line += [_placed(value, regions) for value in one.values]
    empty = observation is not None and not answers
    kind = (
        "good" if isinstance(judged, Proof) else "bad" if observation is None or empty else "warn"
    )
    return Heard(
        server=server,
        provider=provider,
        answers=tuple((name, ", ".join(values)) for name, values in sorted(answers.items())),
        fence=_fence(judged, observation),
        kind=kind,
        says=_says(judged),
    )


def _placed(value: str, regions: Mapping[str, str]) -> str:
    return f"{value} ({regions[value]})" if value in regions else f"{value} (foreign)"


def _fence(judged: Proof | Drift | None, observation: Observation | None) -> str:
    if isinstance(judged, Proof):
        fence = judged.fence
        return f"generation {fence.generation}, by {fence.writer}, digest {fence.digest[:12]}"
    return ", ".join(observation.fence) if observation is not None else ""


def _says(judged: Proof | Drift | None) -> str:
    if judged is None:
        return "there is no plan to compare with"
    if isinstance(judged, Proof):
        return "exactly the plan"
    return f"{judged.kind}: {judged.message}"
