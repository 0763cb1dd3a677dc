"""Who is affected: people by country, counted so that nobody is counted twice.

A person uses several services. Summing over services would count that person again with each, so of a
country the largest service that is down counts alone: at least so many people are hit, perhaps more.
"""

from collections.abc import Collection, Mapping

from outlast.glass.worldmap import Hit

People = Mapping[str, Mapping[str, float]]
"""People by service and country."""


def hit_people(people: People, down: Collection[str]) -> dict[str, float]:
    """Return by country how many people at least use something that is down."""
    found: dict[str, float] = {}
    for service in down:
        for country, number in people.get(service, {}).items():
            found[country] = max(found.get(country, 0.0), number)
    return found


def merged(people: People, down: Collection[str], told: Collection[Hit] = ()) -> tuple[Hit, ...]:
    """Return the countries that are hit: by people who use what is down, and by what is told there.

    Args:
        told: countries that show by themselves, such as in alarms.
    """
    hurt = hit_people(people, down)
    users = hit_people(people, tuple(people))
    by_code = {one.code: one for one in told}
    found = []
    for code in sorted({*hurt, *by_code}):
        one = by_code.get(code)
        ratio = hurt.get(code, 0.0) / users[code] if users.get(code) else 0.0
        found.append(
            Hit(
                code=code,
                share_ratio=max(ratio, one.share_ratio if one is not None else 0.0),
                people=round(hurt.get(code, 0.0)),
                services=one.services if one is not None else 0,
            )
        )
    return tuple(found)
