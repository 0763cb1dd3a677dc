"""The companies above the cloud: drawn by category, with the same draw for the same seed.

Of each company are drawn: where its people live, how many they are (sizes in a category fall with rank, as
Zipf's law has it for web sites), and one of seven ways to build on a cloud, which says what it needs. Only
names that public reports name stand among them; the others are numbered.

Daytime is a cosine with its trough at about four in the morning, since for *who is awake* the trough is
what matters: a peak at eight in the evening would have people on line at one in the morning and asleep at
eight. Presence (how much of a country's use is reported at all) is calibrated on the countries' shares of the
first 6.5 million reports; the propensity to report on the 17 million in all. The shape is predicted.
"""

import re
from dataclasses import dataclass
from functools import cache
from random import Random

from outlast.drill.people import COUNTRIES
from outlast.drill.worlds.oct2025.named import AT_HOME_IN_BRITAIN, NAMED
from outlast.drill.worlds.oct2025.wiring import EAST, cached, hard, soft
from outlast.model.behaviour import Audience
from outlast.model.names import ServiceName
from outlast.model.service import Dependency, Service

PROPENSITY = 0.0058
"""Share of those hit who write a report, for a category with a factor of 1; calibrated on 17 million."""

BALANCERS = ("nlb", "nlb")
"""What a request passes on its way: a balancer at the door and one between the tiers; assumed."""

AT_HOME_RATIO = 0.7
"""Share of a company's people who live in its own country; the rest live anywhere."""

PRESENCE = {
    "US": 1.4, "GB": 1.25, "AU": 1.2, "NL": 1.9, "CA": 1.0, "DE": 0.35, "FR": 0.58, "JP": 0.33,
    "BR": 0.3, "IE": 1.5, "NZ": 1.5, "SE": 0.8, "NO": 0.8, "DK": 0.8, "BE": 0.8, "IT": 0.35, "ES": 0.4,
    "IN": 0.02, "CN": 0.0, "RU": 0.02, "ID": 0.03, "NG": 0.02, "PK": 0.02, "BD": 0.02,
}  # fmt: skip
"""Reports from a country's people on line beside those of Americans; calibrated on the first snapshot."""
PRESENCE_ELSEWHERE = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A kind of company.

    Attributes:
        share: of the companies.
        people: of the largest.
        fall: exponent of size by rank.
        peak_hour, swing_ratio: its day.
        factor: how readily its people report.
    """

    share: float
    people: float
    fall: float
    peak_hour: float
    swing_ratio: float
    factor: float


CATEGORIES = {
    "social": Category(share=0.07, people=4e8, fall=0.9, peak_hour=17.0, swing_ratio=0.85, factor=1.0),
    "communication": Category(share=0.06, people=2e8, fall=0.9, peak_hour=15.5, swing_ratio=0.9, factor=0.8),
    "games": Category(share=0.12, people=2e8, fall=0.8, peak_hour=17.5, swing_ratio=0.85, factor=1.2),
    "streaming": Category(share=0.08, people=2e8, fall=0.9, peak_hour=17.5, swing_ratio=0.9, factor=0.7),
    "shopping": Category(share=0.14, people=3e8, fall=0.9, peak_hour=16.0, swing_ratio=0.9, factor=0.5),
    "home": Category(share=0.05, people=6e7, fall=0.9, peak_hour=16.5, swing_ratio=0.8, factor=1.0),
    "banking": Category(share=0.12, people=6e7, fall=0.7, peak_hour=14.0, swing_ratio=0.9, factor=0.8),
    "telecom": Category(share=0.02, people=4e7, fall=0.7, peak_hour=15.0, swing_ratio=0.85, factor=0.8),
    "education": Category(share=0.08, people=8e7, fall=0.8, peak_hour=13.5, swing_ratio=0.92, factor=0.6),
    "travel": Category(share=0.06, people=8e7, fall=0.8, peak_hour=14.5, swing_ratio=0.9, factor=0.4),
    "work": Category(share=0.20, people=6e7, fall=0.8, peak_hour=13.0, swing_ratio=0.92, factor=0.6),
}  # fmt: skip

BUILDS: tuple[tuple[str, float], ...] = (
    ("functions", 0.20),
    ("containers", 0.31),
    ("machines", 0.28),
    ("tables", 0.07),
    ("voice", 0.03),
    ("data", 0.03),
    ("others", 0.08),
)
"""Ways to build on a cloud, and how common each is: chosen so that the second peak is the larger."""

SUPPLIERS = ("docker-hub", "square", "venmo", "zoom", "vercel", "heroku")
"""Companies that others stand on."""


def companies(count: int, seed: int) -> tuple[Service, ...]:
    """Draw so many companies."""
    random = Random(seed)  # noqa: S311 - a drawn world, no secret
    weights = _weights()
    made: list[Service] = []
    for label, category in CATEGORIES.items():
        names = NAMED.get(label, ())
        for rank in range(round(count * category.share)):
            title = names[rank] if rank < len(names) else f"{label} {rank + 1}"
            made.append(_company(title, label, rank, random=random, weights=weights))
    known = {one.name for one in made}
    return tuple(one for one in made if _stands(one, known))


def _company(
    title: str, label: str, rank: int, *, random: Random, weights: dict[str, float]
) -> Service:
    category = CATEGORIES[label]
    home = "GB" if title in AT_HOME_IN_BRITAIN else _drawn(random, weights)
    return Service(
        name=ServiceName(word(title)),
        title=title,
        regions=(EAST,),
        needs=_needs(random, word(title)),
        audience=Audience(
            people=category.people / (1.0 + rank) ** category.fall,
            countries=_living(0.97 if title in AT_HOME_IN_BRITAIN else AT_HOME_RATIO, home),
            category=label,
            peak_hour=category.peak_hour,
            swing_ratio=category.swing_ratio,
            daily_ratio=0.5,
            report_ratio=PROPENSITY * category.factor,
        ),
    )


def _needs(random: Random, name: str) -> tuple[Dependency, ...]:
    build = _drawn(random, dict(BUILDS))
    if build == "others" and name not in SUPPLIERS:
        return hard(SUPPLIERS[random.randrange(len(SUPPLIERS))])
    if build == "functions":
        return (*hard("lambda", "api-gateway"), *_tables(random, 0.6), *soft("lambda-backlog"))
    if build == "containers":
        return (*hard(*BALANCERS), *_tables(random, 0.4), *soft("fargate"))
    if build == "machines":
        return (*hard(*BALANCERS), *_tables(random, 0.15), *soft("rds", "cloudwatch"))
    if build == "tables":
        return (*hard("dynamodb"), *soft("cognito"))
    if build == "voice":
        return hard("connect")
    return (*hard("redshift"), *soft("eventbridge"), cached("sts", 3600.0))


def _tables(random: Random, ratio: float) -> tuple[Dependency, ...]:
    """Some keep what they must have in the table store, some remember it, some do not use it."""
    at = random.random()
    if at < ratio:
        return hard("dynamodb")
    return (cached("dynamodb", 1800.0),) if at < ratio + 0.15 else ()


def _weights() -> dict[str, float]:
    return {
        code: one.online_m * PRESENCE.get(code, PRESENCE_ELSEWHERE)
        for code, one in COUNTRIES.items()
        if PRESENCE.get(code, PRESENCE_ELSEWHERE) > 0
    }


@cache
def _living(at_home: float, home: str) -> tuple[tuple[str, float], ...]:
    """Return where a company's users live; companies of one country share the table, which is long."""
    weights = _weights()
    total = sum(weights.values())
    return tuple(
        (code, (1.0 - at_home) * weight / total + (at_home if code == home else 0.0))
        for code, weight in weights.items()
    )


def _drawn(random: Random, weights: dict[str, float]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def _stands(company: Service, known: set[ServiceName]) -> bool:
    """Whether the supplier that a company stands on was drawn: small worlds may lack it."""
    return all(one.service in known for one in company.needs if str(one.service) in SUPPLIERS)


def word(title: str) -> str:
    """Return a title as a name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
