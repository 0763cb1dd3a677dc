"""Where people are on line, and when they are awake.

`online_m`, people on line in millions: rounded, after the share of a population that uses the internet
(International Telecommunication Union; World Bank indicator IT.NET.USER.ZS) times the population, about
2023. They were written down from those indicators and are not made by a command from a file of theirs, so
look them up before you lean on a single one. Only shares of countries and daytimes are taken from them; their
sum is some nine tenths of the 5.4 billion that the ITU gives for 2023.

`utc_h`, hours ahead of UTC in October: of the tz database, which a test holds them against. Australia,
Canada, Russia and the United States lie in several zones; theirs is a mean, weighed by eye with where
people live.

`latitude`, `longitude`: the middle of where a country's people live, by eye, to half a degree and worse. They
are good for which region is nearest, and for nothing finer.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Country(NamedTuple):
    """A country: people on line in millions, hours ahead of UTC, and where it lies in degrees."""

    code: str
    online_m: float
    utc_h: float
    latitude: float
    longitude: float


COUNTRIES: dict[str, Country] = {
    one.code: one
    for one in (
        Country("AE", 9.4, 4.0, 24.5, 54.4),
        Country("AR", 40.0, -3.0, -34.6, -60.0),
        Country("AT", 8.5, 2.0, 47.8, 14.5),
        Country("AU", 25.3, 10.5, -33.9, 147.0),
        Country("BD", 77.0, 6.0, 23.8, 90.3),
        Country("BE", 11.0, 2.0, 50.8, 4.5),
        Country("BG", 5.2, 3.0, 42.7, 24.5),
        Country("BR", 181.0, -3.0, -19.0, -46.0),
        Country("CA", 36.8, -4.5, 45.5, -78.0),
        Country("CH", 8.5, 2.0, 47.0, 8.0),
        Country("CL", 17.7, -3.0, -33.4, -70.7),
        Country("CN", 1090.0, 8.0, 32.0, 114.0),
        Country("CO", 38.0, -5.0, 5.0, -74.5),
        Country("CZ", 9.0, 2.0, 49.8, 15.5),
        Country("DE", 77.5, 2.0, 51.0, 10.0),
        Country("DK", 5.8, 2.0, 55.8, 11.0),
        Country("EC", 13.0, -5.0, -1.5, -79.0),
        Country("EG", 82.0, 3.0, 30.0, 31.2),
        Country("ES", 45.5, 2.0, 40.3, -3.5),
        Country("ET", 24.0, 3.0, 9.0, 39.0),
        Country("FI", 5.2, 3.0, 61.0, 25.0),
        Country("FR", 59.0, 2.0, 47.5, 2.5),
        Country("GB", 66.0, 1.0, 52.3, -1.2),
        Country("GH", 24.0, 0.0, 6.5, -1.0),
        Country("GR", 8.8, 3.0, 38.5, 23.2),
        Country("HK", 7.1, 8.0, 22.3, 114.2),
        Country("HU", 8.8, 2.0, 47.3, 19.3),
        Country("ID", 192.0, 7.0, -6.8, 109.0),
        Country("IE", 5.0, 1.0, 53.3, -7.0),
        Country("IL", 8.5, 3.0, 32.0, 34.8),
        Country("IN", 800.0, 5.5, 22.0, 78.5),
        Country("IQ", 36.0, 3.0, 33.2, 44.3),
        Country("IT", 51.0, 2.0, 43.0, 12.0),
        Country("JP", 106.0, 9.0, 35.5, 138.0),
        Country("KE", 22.0, 3.0, -0.8, 37.0),
        Country("KR", 50.4, 9.0, 36.8, 127.6),
        Country("KZ", 18.2, 5.0, 47.0, 70.0),
        Country("LK", 12.0, 5.5, 7.0, 80.2),
        Country("LU", 0.65, 2.0, 49.6, 6.1),
        Country("MA", 34.0, 1.0, 33.3, -7.0),
        Country("MM", 24.0, 6.5, 19.0, 96.0),
        Country("MX", 105.0, -6.0, 20.5, -100.5),
        Country("MY", 33.6, 8.0, 3.5, 102.0),
        Country("NG", 103.0, 1.0, 8.0, 6.5),
        Country("NL", 17.3, 2.0, 52.1, 5.1),
        Country("NO", 5.4, 2.0, 60.5, 9.5),
        Country("NP", 15.0, 5.75, 27.6, 85.0),
        Country("NZ", 5.0, 13.0, -39.0, 175.5),
        Country("PE", 27.0, -5.0, -11.0, -76.5),
        Country("PH", 86.0, 8.0, 13.5, 121.5),
        Country("PK", 111.0, 5.0, 31.0, 71.5),
        Country("PL", 33.5, 2.0, 51.9, 19.2),
        Country("PR", 2.9, -4.0, 18.3, -66.3),
        Country("PT", 8.9, 1.0, 39.8, -8.4),
        Country("RO", 17.0, 3.0, 45.5, 25.5),
        Country("RS", 5.9, 2.0, 44.3, 20.6),
        Country("RU", 130.0, 4.0, 55.5, 48.0),
        Country("SA", 36.5, 3.0, 24.3, 44.5),
        Country("SE", 10.1, 2.0, 58.8, 15.5),
        Country("SG", 5.7, 8.0, 1.35, 103.8),
        Country("SK", 4.8, 2.0, 48.6, 19.0),
        Country("TH", 65.0, 7.0, 14.5, 101.0),
        Country("TR", 74.0, 3.0, 39.5, 32.5),
        Country("TW", 22.0, 8.0, 24.2, 120.8),
        Country("TZ", 21.0, 3.0, -6.0, 36.5),
        Country("UA", 31.0, 3.0, 49.3, 31.5),
        Country("US", 314.0, -5.5, 38.5, -90.0),
        Country("UY", 3.0, -3.0, -34.5, -56.0),
        Country("UZ", 31.0, 5.0, 40.5, 67.5),
        Country("VE", 18.0, -4.0, 9.5, -67.5),
        Country("VN", 79.0, 7.0, 16.0, 106.5),
        Country("ZA", 45.5, 2.0, -27.5, 28.5),
    )
}
"""All countries that drills know, by ISO 3166-1 alpha-2 code."""

PEAK_HOURS: dict[str, float] = {
    "banking": 12.0,
    "business": 11.0,
    "cloud": 14.0,
    "communication": 20.0,
    "education": 11.0,
    "games": 20.5,
    "gaming": 20.5,
    "media": 21.0,
    "retail": 20.0,
    "shopping": 20.0,
    "social": 20.5,
    "streaming": 21.0,
    "travel": 14.0,
    "work": 11.0,
}
"""Local hour at which use peaks, by category of service; what is not here peaks in the evening."""

EARTH_KM = 6371.0


def distance_km(one: Country, other: Country) -> float:
    """Return the great-circle distance of two countries' middles (haversine formula)."""
    here, there = math.radians(one.latitude), math.radians(other.latitude)
    across = math.radians(other.longitude - one.longitude)
    half = (
        math.sin((there - here) / 2) ** 2
        + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def nearness(countries: Sequence[str], seats: Sequence[str]) -> Floats:
    """Return distances in km [country, region] for regions that stand in the countries `seats`.

    A region or country that is not in the table is as far from everything as everything else: users are
    then spread evenly, which is the least that one can assume.
    """
    table = np.full((len(countries), len(seats)), math.pi * EARTH_KM)
    for row, code in enumerate(countries):
        for column, seat in enumerate(seats):
            one, other = COUNTRIES.get(code), COUNTRIES.get(seat)
            if one is not None and other is not None:
                table[row, column] = distance_km(one, other)
    return table


def homes(distances_km: Floats, placed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the share of a country's users that each region serves [service, country, region].

    The nearest region where the service runs serves all of them; regions at one distance share.
    A service that runs nowhere has no homes: all zero.
    """
    far = np.where(placed[:, None, :], distances_km[None, :, :], np.inf)
    nearest = far.min(axis=2, keepdims=True)
    near = (far <= nearest + 1.0) & np.isfinite(far)
    count = np.maximum(1, near.sum(axis=2, keepdims=True))
    share: NDArray[np.float32] = (near / count).astype(np.float32)
    return share
