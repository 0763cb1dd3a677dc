"""Weights: how often each address comes first."""

import random
from collections import Counter

import pytest
from tests.drivers.nameserver.harness import Desk, a_records, addresses, txt_records

from outlast.drivers.nameserver import NameServerSettings
from outlast.drivers.nameserver.choice import Table, Turned, Weighted, choose
from outlast.model.records import format_weight, parse_weight

DRAWS = 20_000


def chi_square(counts: Counter[bytes], expected: dict[bytes, float]) -> float:
    return sum(
        (counts[one] - DRAWS * share) ** 2 / (DRAWS * share) for one, share in expected.items()
    )


def records(count: int) -> tuple[bytes, ...]:
    return tuple(bytes((65 + at,)) for at in range(count))


@pytest.mark.parametrize(
    ("weights", "kind"),
    [((1, 2, 5), Table), ((3, 1), Table), (tuple(range(1, 11)), Weighted), ((7,) * 5, Table)],
)
def test_the_first_address_is_drawn_by_weight(weights: tuple[int, ...], kind: type) -> None:
    """Chi-square below the 0.1 % point of its distribution (27.9 for 9 degrees of freedom)."""
    names = records(len(weights))
    choice = choose(names, weights, 0)
    assert isinstance(choice, kind)
    draw = random.Random(7).random
    counts = Counter(choice.draw(draw)[:1] for _ in range(DRAWS))
    shares = {name: one / sum(weights) for name, one in zip(names, weights, strict=True)}
    assert chi_square(counts, shares) < 27.9


@pytest.mark.parametrize("weights", [(1, 2, 5), (1, 2, 5, 1, 2, 5)])
def test_the_second_address_is_drawn_by_weight_among_the_rest(weights: tuple[int, ...]) -> None:
    names = records(len(weights))
    choice = choose(names, weights, 0)
    draw = random.Random(11).random
    counts = Counter(choice.draw(draw)[1:2] for _ in range(DRAWS))
    total = sum(weights)
    shares = {
        name: sum(
            first / total * weights[at] / (total - first)
            for other, first in enumerate(weights)
            if other != at
        )
        for at, name in enumerate(names)
    }
    assert chi_square(counts, shares) < 27.9


@pytest.mark.parametrize("count", [2, 5, 40])
def test_without_weights_every_address_is_first_equally_often(count: int) -> None:
    choice = choose(records(count), (), 0)
    assert isinstance(choice, Turned if count > 16 else Table)
    draw = random.Random(3).random
    drawn = [choice.draw(draw) for _ in range(DRAWS)]
    assert all(len(set(one)) == count for one in drawn)
    counts = Counter(one[:1] for one in drawn)
    assert chi_square(counts, dict.fromkeys(records(count), 1 / count)) < 80


@pytest.mark.parametrize("weights", [(), (5, 1, 1, 1), tuple(range(1, 31))])
def test_answers_max_gives_so_many_and_never_one_twice(weights: tuple[int, ...]) -> None:
    names = records(len(weights) or 20)
    choice = choose(names, weights, 2)
    draw = random.Random(5).random
    for _ in range(200):
        drawn = choice.draw(draw)
        assert len(drawn) == len(set(drawn)) == 2 == choice.count


def test_a_standby_is_given_only_where_nothing_else_is_there() -> None:
    draw = random.Random(1).random
    assert choose(records(3), (0, 4, 0), 0).draw(draw) == b"B"
    assert sorted(choose(records(3), (0, 0, 0), 0).draw(draw)) == sorted(b"ABC")


def test_extreme_draws_stay_inside_the_table() -> None:
    choice = choose(records(3), (1, 1, 3), 0)
    assert len(choice.draw(lambda: 0.0)) == len(choice.draw(lambda: 1 - 2**-53)) == 3


def test_thousands_of_addresses_are_no_table() -> None:
    names = tuple(at.to_bytes(2, "big") for at in range(2000))
    assert isinstance(choose(names, tuple(range(2000)), 0), Weighted)


def test_a_weight_is_read_as_it_was_written() -> None:
    assert parse_weight(format_weight("2001:DB8:0::1", 65535)) == ("2001:db8::1", 65535)
    assert format_weight("192.0.2.1", 0) == "192.0.2.1=0"


@pytest.mark.parametrize(
    "text",
    ["", "=", "192.0.2.1", "192.0.2.1=", "x=1", "192.0.2.1=-1", "192.0.2.1=65536", "::1=\uff11"],
)
def test_foreign_text_is_no_weight(text: str) -> None:
    assert parse_weight(text) is None


@pytest.mark.parametrize("weight", [-1, 65536])
def test_a_weight_out_of_range_is_refused(weight: int) -> None:
    with pytest.raises(ValueError, match="outside 0 to 65535"):
        format_weight("192.0.2.1", weight)


def test_a_foreign_record_among_the_weights_counts_for_nothing() -> None:
    """And an address that nobody weighed counts 1: whoever put it there wants it to be found."""
    desk = Desk(
        a_records("www.example.test", "192.0.2.1", "192.0.2.2", "192.0.2.3"),
        txt_records("_weights.www.example.test", "192.0.2.1=0", "192.0.2.2=9", "rubbish"),
        random=random.Random(2).random,
    )
    firsts = Counter(addresses(desk.look_up("www.example.test"))[0] for _ in range(3000))
    assert set(firsts) == {"192.0.2.2", "192.0.2.3"}
    assert 200 < firsts["192.0.2.3"] < 400


def test_prepared_answers_follow_the_weights_too() -> None:
    desk = Desk(
        a_records("www.example.test", "192.0.2.1", "192.0.2.2"),
        txt_records("_weights.www.example.test", "192.0.2.1=3", "192.0.2.2=1"),
        settings=NameServerSettings(answers_max=1),
        random=random.Random(2).random,
    )
    seen = Counter(tuple(addresses(desk.look_up("www.example.test"))) for _ in range(4000))
    assert desk.responder.hot
    assert 2850 < seen["192.0.2.1",] < 3150
    assert sum(seen.values()) == seen["192.0.2.1",] + seen["192.0.2.2",]
