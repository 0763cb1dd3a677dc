"""Brown-out levels: serving less on purpose, before everything fails.

Level 0 is full service. A function or dependency that declares `off_at=2` is switched off at level 2 and
above. The level in force is the highest that any *voice* asks for: a person, the error budget, or a flag
that the control plane publishes. Voices are kept apart, so that the budget recovering does not undo what a
person has set, and a person leaving does not undo the budget.

The budget's voice climbs one level when essential calls fail more than `climb_ratio` in the last window,
and comes down one level after `calm_windows` good windows in a row: up fast, down slowly, or it would
flap between two levels once every window.
"""

from typing import NamedTuple

LEVEL_MAX = 9


class Climb(NamedTuple):
    """When the error budget speaks.

    Attributes:
        climb_ratio: share of failed essential calls in a window that asks for one level more.
        calm_ratio: a window at or below it counts as good; below `climb_ratio`.
        calm_windows: good windows in a row until one level less is asked for.
        calls_min: windows with fewer calls change nothing.
        level_max: it never asks for more than this.
    """

    climb_ratio: float = 0.2
    calm_ratio: float = 0.05
    calm_windows: int = 3
    calls_min: int = 20
    level_max: int = 3


class BudgetVoice(NamedTuple):
    """What the error budget asks for, and for how many windows it has been calm."""

    level: int = 0
    calm: int = 0


def judge(voice: BudgetVoice, climb: Climb, *, good: int, bad: int) -> BudgetVoice:
    """Return the voice after one window of essential calls."""
    calls = good + bad
    if calls < climb.calls_min:
        return voice
    ratio = bad / calls
    if ratio > climb.climb_ratio:
        return BudgetVoice(level=min(climb.level_max, voice.level + 1))
    if ratio > climb.calm_ratio:
        return voice._replace(calm=0)
    if voice.calm + 1 >= climb.calm_windows:
        return BudgetVoice(level=max(0, voice.level - 1))
    return voice._replace(calm=voice.calm + 1)


class Brownout:
    """The level in force and who asks for it.

    Attributes:
        voices: for each voice the level that it asks for, and why.
    """

    __slots__ = ("voices",)

    def __init__(self) -> None:
        self.voices: dict[str, tuple[int, str]] = {}

    @property
    def level(self) -> int:
        """The highest level that anybody asks for; 0 is full service."""
        return max((level for level, _ in self.voices.values()), default=0)

    @property
    def why(self) -> str:
        """Who asks for the level in force, and why; empty at level 0."""
        for voice, (level, why) in self.voices.items():
            if level and level == self.level:
                return f"{voice}: {why}" if why else voice
        return ""

    def ask(self, voice: str, level: int, why: str = "") -> None:
        """Let a voice ask for a level; 0 takes its word back.

        Raises:
            ValueError: not a level from 0 to 9.
        """
        if not 0 <= level <= LEVEL_MAX:
            raise ValueError(f"a brown-out level is 0 to {LEVEL_MAX}, not {level}")
        self.voices[voice] = (level, why)
