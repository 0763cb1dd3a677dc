"""The choice tape: every open decision of a run as one labelled, bounded integer. It is the replay file.

A seed names a run only as long as the strategy that drew from it stays as it is. The tape survives any
change of strategy: it holds what was decided, not how. Three labels exist:

    who     the actor that moves, an index into `Design.actors`
    how     which of its options it takes; written only where there is more than one
    wait    milliseconds of virtual time since the move before, in runs that have a clock

A tape carries the digest of the run it came from. Replaying it anywhere must give the same digest, or say
at which step the world differed.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from outlast.model.errors import ConfigError
from outlast.sim.design import AnyDesign, Size, Spec, Step
from outlast.sim.liveness import HEAL_BOUND, heal

FORMAT = "outlast-tape"
VERSION = 1
WAIT_MAX_MS = 2**40
"""35 years: the bound of a `wait`. Nothing in a run lasts longer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision: what it was about, how many possibilities there were, and which was taken."""

    label: str
    bound: int
    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < self.bound:
            raise ValueError(f"choice {self.label}: {self.value} is not below {self.bound}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """A run as a value.

    Attributes:
        found: the invariant it breaks, with details; empty: none.
        digest: SHA-256 over everything that was told of the run.
        calm: whether all faults stop after the last choice and the healing is part of the run.
    """

    spec: Spec
    choices: tuple[Choice, ...]
    found: str = ""
    digest: str = ""
    calm: bool = False


class Differs(ConfigError):
    """A replay did not go as its tape says: the design is no longer the one that was recorded."""


@dataclass(frozen=True, slots=True)
class Told:
    """One step of a run, for people.

    Attributes:
        at_ms: virtual time; None in runs without a clock.
        what: what the actor does; `belief` is what it believes before it.
        dns: what the DNS holds afterwards.
    """

    who: str
    what: str
    belief: str
    dns: str
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A run, told step by step, with what it broke and the digest over all of it."""

    told: tuple[Told, ...]
    found: str
    digest: str
    steps: tuple[Step, ...] = ()
    waits_ms: tuple[int, ...] = ()


def fold(told: Sequence[Told]) -> list[tuple[int, int, Told]]:
    """Fold runs of one actor doing the same thing over and over, such as a planner's thirty plans.

    Returns:
        first number, last number (from 1) and what to tell.
    """
    folded: list[tuple[int, int, Told]] = []
    for number, one in enumerate(told, 1):
        if folded:
            first, _, last = folded[-1]
            alike = _bare(last.what) == _bare(one.what) and not one.belief
            if one.who == last.who and one.dns == last.dns and alike:
                what = f"{told[first - 1].what}, and so on until it {one.what}"
                folded[-1] = (first, number, replace(one, what=what))
                continue
        folded.append((number, number, one))
    return folded


def _bare(what: str) -> str:
    return re.sub(r"[0-9]+", "", what.partition(", and so on")[0])


def record(
    design: AnyDesign, steps: Iterable[Step], waits_ms: Sequence[int] = (), *, calm: bool = False
) -> Tape:
    """Run steps and write them down as a tape, with what they break and their digest."""
    shared, locals_ = design.begin()
    choices: list[Choice] = []
    for index, (actor, option) in enumerate(steps):
        if waits_ms:
            choices.append(Choice("wait", WAIT_MAX_MS, waits_ms[index]))
        options = design.options(actor, shared, locals_[actor])
        choices.append(Choice("who", len(design.actors), actor))
        if options > 1:
            choices.append(Choice("how", options, option))
        design.move(actor, option, shared, locals_[actor])
    bare = Tape(spec=design.spec, choices=tuple(choices), calm=calm)
    trace = replay(design, bare)
    return Tape(
        spec=design.spec,
        choices=bare.choices,
        found=trace.found,
        digest=trace.digest,
        calm=calm,
    )


def replay(design: AnyDesign, tape: Tape) -> Trace:
    """Run a tape again, step by step.

    Raises:
        Differs: the design offers other choices than those recorded.
    """
    shared, locals_ = design.begin()
    told: list[Told] = []
    steps: list[Step] = []
    waits_ms: list[int] = []
    found = ""
    for number, (actor, option, wait_ms) in enumerate(_steps(design, tape), 1):
        local = locals_[actor]
        options = design.options(actor, shared, local)
        if option >= max(options, 1) or not options:
            raise Differs(
                f"step {number}: {design.actors[actor]} was to take option {option}, but has {options}",
                remedy="the design changed since the tape was recorded; search again",
            )
        waits_ms += [] if wait_ms is None else [wait_ms]
        at_ms = None if wait_ms is None else wait_ms + (told[-1].at_ms or 0 if told else 0)
        what = design.tell(actor, option, shared, local)
        belief = design.belief(actor, shared, local)
        deed = design.move(actor, option, shared, local)
        broken = design.judge(shared, deed) if deed else ""
        told.append(Told(design.actors[actor], what, belief, design.dns(shared), at_ms))
        found = found or broken
        steps.append((actor, option))
    if tape.calm:
        healing = heal(design, steps, HEAL_BOUND)
        found = found or healing.broken or healing.unsettled
    return Trace(tuple(told), found, digest_of(told, found), tuple(steps), tuple(waits_ms))


def _steps(design: AnyDesign, tape: Tape) -> Iterable[tuple[int, int, int | None]]:
    """Read the choices as (who, how, wait)."""
    wait: int | None = None
    pending: int | None = None
    for choice in tape.choices:
        if choice.label == "how" and pending is not None:
            yield pending, choice.value, wait
            pending = wait = None
            continue
        if pending is not None:
            yield pending, 0, wait
            pending = wait = None
        if choice.label == "wait":
            wait = choice.value
        elif choice.label == "who" and choice.bound == len(design.actors):
            pending = choice.value
        else:
            raise Differs(
                f"the tape holds a choice {choice.label!r} out of {choice.bound}, "
                f"but {design.spec} has {len(design.actors)} actors",
                remedy="the tape belongs to another configuration or version",
            )
    if pending is not None:
        yield pending, 0, wait


def digest_of(told: Sequence[Told], found: str) -> str:
    """Hash everything that was told, line by line."""
    digest = hashlib.sha256()
    for one in told:
        line = f"{one.at_ms}|{one.who}|{one.what}|{one.belief}|{one.dns}\n"
        digest.update(line.encode())
    digest.update(found.encode())
    return digest.hexdigest()


def save(tape: Tape, path: Path, trace: Trace | None = None) -> None:
    """Write a replay file: one choice a line, so that two files can be compared by eye."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "spec": asdict(tape.spec),
        "found": tape.found,
        "digest": tape.digest,
        "calm": tape.calm,
    }
    body = json.dumps(head, indent=1)[:-2]
    rows = [json.dumps([one.label, one.bound, one.value]) for one in tape.choices]
    story = (
        [json.dumps(f"{one.who} {one.what} -> {one.dns}") for one in trace.told] if trace else []
    )
    text = f'{body},\n "choices": [\n  ' + ",\n  ".join(rows) + '\n ],\n "story": [\n  '
    path.write_text(text + ",\n  ".join(story) + "\n ]\n}\n", encoding="utf-8")


def load(path: Path) -> Tape:
    """Read a replay file.

    Raises:
        ConfigError: it is none, or one of another version.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT or data["version"] != VERSION:
            raise ConfigError(
                f"{path}: a {data['format']} of version {data['version']}",
                remedy=f"this program reads {FORMAT} version {VERSION}",
            )
        spec = data["spec"]
        return Tape(
            spec=Spec(
                design=spec["design"],
                size=Size(**spec["size"]),
                switches=tuple(spec["switches"]),
                faults=tuple(spec["faults"]),
                tolerate=tuple(spec["tolerate"]),
            ),
            choices=tuple(Choice(*row) for row in data["choices"]),
            found=data["found"],
            digest=data["digest"],
            calm=data["calm"],
        )
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ConfigError(
            f"{path}: no replay file: {problem!r}",
            remedy="give a file that `outlast verify --out DIR` has written",
        ) from problem
