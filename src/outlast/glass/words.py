"""Words: figures and times as people read them, the same on every page."""

from outlast.model.units import NS_PER_S

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
THOUSAND, MILLION = 1_000, 1_000_000


def age(now_ns: int, at_ns: int) -> str:
    """Return how long ago something was, in one unit: `12 s ago`. Clocks differ: the future is now."""
    return f"{span(now_ns - at_ns)} ago"


def span(length_ns: int) -> str:
    """Return a length of time in one unit, so that two units of it at least have passed."""
    length_s = max(0, length_ns) // NS_PER_S
    for unit, unit_s in UNITS:
        if length_s >= 2 * unit_s:
            return f"{length_s // unit_s} {unit}"
    return f"{length_s} s"


def count(number: float) -> str:
    """Return a number of many: two digits that count, and the word for the rest."""
    whole = round(number)
    if whole >= 10 * MILLION:
        return f"{whole / MILLION:.0f} million"
    if whole >= MILLION:
        return f"{whole / MILLION:.1f} million"
    if whole >= 10 * THOUSAND:
        return f"{round(whole, -3):,}"
    return f"{whole:,}"


def share(ratio: float) -> str:
    """Return a share: `12 %`; what is neither nothing nor all never reads so."""
    if 0 < ratio < 0.01:
        return "under 1 %"
    if 0.99 < ratio < 1:
        return "over 99 %"
    return f"{ratio:.0%}".replace("%", " %")


def plural(number: int, word: str) -> str:
    """Return a number with its noun: `1 role`, `3 roles`, `2 countries`."""
    if number == 1:
        return f"1 {word}"
    return f"{number:,} {word[:-1]}ies" if word.endswith("y") else f"{number:,} {word}s"
