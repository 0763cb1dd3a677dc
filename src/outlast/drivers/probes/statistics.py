"""What a fleet counts about itself, for metrics, for `outlast status`, and to see overload coming."""

from dataclasses import dataclass

from outlast.model.units import NS_PER_S, as_seconds

LATE_NS = NS_PER_S // 10
"""A probe that begins more than this after its slot counts as late."""

_RATE_WINDOW_NS = 5 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What a fleet did since its start, and does now.

    Attributes:
        subjects: probed at present.
        in_flight, waiting: probes under way, and those whose slot has come but not their turn.
        good, bad: reports emitted.
        unjudged: probes that say nothing of their target, since we could not look.
        unjudged_reason: why the last one could not be judged.
        failed: probes that raised; a bug, told to the event loop's exception handler.
        late: probes that began more than `LATE_NS` after their slot; `late_max_s` is the worst.
        skipped: slots without a probe, since the former one still ran or the process stood still.
        probes_per_s: ended in each second of the last window of at least 5 s.
    """

    subjects: int = 0
    in_flight: int = 0
    waiting: int = 0
    good: int = 0
    bad: int = 0
    unjudged: int = 0
    unjudged_reason: str = ""
    failed: int = 0
    late: int = 0
    late_max_s: float = 0.0
    skipped: int = 0
    probes_per_s: float = 0.0


class Counters:
    """The running counts behind `Statistics`. All instants are those of the event loop."""

    __slots__ = (
        "_late",
        "_late_max_ns",
        "_rate",
        "_window_count",
        "_window_ns",
        "bad",
        "failed",
        "good",
        "skipped",
        "unjudged",
        "unjudged_reason",
    )

    def __init__(self, now_ns: int) -> None:
        self.good = 0
        self.bad = 0
        self.unjudged = 0
        self.unjudged_reason = ""
        self.failed = 0
        self.skipped = 0
        self._late = 0
        self._late_max_ns = 0
        self._rate = 0.0
        self._window_ns = now_ns
        self._window_count = 0

    def begun(self, lateness_ns: int) -> None:
        """Count the beginning of a probe."""
        self._late_max_ns = max(self._late_max_ns, lateness_ns)
        self._late += lateness_ns > LATE_NS

    def ended(self, now_ns: int) -> None:
        """Count the end of a probe."""
        self._turn_window(now_ns)
        self._window_count += 1

    def snapshot(self, now_ns: int, *, subjects: int, in_flight: int, waiting: int) -> Statistics:
        """Return all counts as they are now."""
        self._turn_window(now_ns)
        return Statistics(
            subjects=subjects,
            in_flight=in_flight,
            waiting=waiting,
            good=self.good,
            bad=self.bad,
            unjudged=self.unjudged,
            unjudged_reason=self.unjudged_reason,
            failed=self.failed,
            late=self._late,
            late_max_s=as_seconds(self._late_max_ns),
            skipped=self.skipped,
            probes_per_s=self._rate,
        )

    def _turn_window(self, now_ns: int) -> None:
        length_ns = now_ns - self._window_ns
        if length_ns >= _RATE_WINDOW_NS:
            self._rate = self._window_count / as_seconds(length_ns)
            self._window_ns = now_ns
            self._window_count = 0
