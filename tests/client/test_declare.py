"""Wrong declarations fail at import, with what to do."""

from typing import Any

import pytest

from outlast.client import Application, DeclarationError, Instead, LastGood, Off, OtherRegion, Value


def number() -> int:
    return 1


def text() -> str:
    return ""


async def later() -> int:
    return 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retry_budget": 0}, "retry_budget is 0"),
        ({"timeout_s": -1}, "timeout_s is -1"),
        ({"breaker": 1.5}, "breaker is 1.5"),
        ({"concurrent": 0}, "concurrent is 0"),
        ({"fallbacks": Value(1)}, "a comma makes it one"),
        ({"protocol": "gopher"}, "protocol is 'gopher'"),
        ({"hosts": ("a",), "regions": ("x", "y")}, "1 hosts, but 2 regions"),
    ],
)
def test_limits_that_cannot_be_meant(options: dict[str, Any], words: str) -> None:
    """A limit outside its range is named with its value."""
    with pytest.raises(DeclarationError, match=words):
        Application("t").dependency("db", essential=True, because="x", **options)


@pytest.mark.parametrize(
    ("rung", "words"),
    [
        (Value("none"), "'none' is no int"),
        (Off(), "None, which is no int"),
        (Instead(text), "returns str, not int"),
        (Instead(later), "not both coroutine functions"),
        (OtherRegion(), "no other region"),
        (LastGood(0), "max_age_s is 0"),
    ],
)
def test_a_fallback_of_another_type(rung: Any, words: str) -> None:
    """A fallback that cannot stand in for the function is refused where it is declared."""
    db = Application("t").dependency("db", essential=False, fallbacks=(rung,))
    with pytest.raises(DeclarationError, match=words):
        db.guard(number)


def test_fallbacks_that_fit() -> None:
    """The right types are taken, an unannotated function among them."""
    db = Application("t").dependency("db", essential=False, fallbacks=(Value(5),))
    assert db.guard(number)() == 1
    assert db.guard(fallbacks=(Instead(lambda: 2),))(number)() == 1


def test_nobody_thought_of_its_loss() -> None:
    """Essential without fallback and reason, optional without fallback: both are refused."""
    application = Application("t")
    with pytest.raises(DeclarationError, match="does not say why"):
        application.dependency("a", essential=True).guard(number)
    with pytest.raises(DeclarationError, match="nothing says what is returned"):
        application.dependency("b", essential=False).guard(number)
    assert (
        application.dependency("c", essential=True, because="it is the shop").guard(number)() == 1
    )


def test_declared_twice() -> None:
    """A name is declared once."""
    application = Application("t")
    application.dependency("a", essential=True)
    with pytest.raises(DeclarationError, match="declared twice"):
        application.dependency("a", essential=True)
    application.serves("buy")(number)
    with pytest.raises(DeclarationError, match="served twice"):
        application.serves("buy")


def test_an_essential_function_stays_on() -> None:
    """Essential and switched off at a level contradict each other."""
    with pytest.raises(DeclarationError, match="essential and yet switched off"):
        Application("t").serves("buy", essential=True, off_at=1)


def test_generators_are_refused() -> None:
    """A generator's body would run outside its guard."""

    def stream() -> Any:
        yield 1

    db = Application("t").dependency("db", essential=True, because="x")
    with pytest.raises(DeclarationError, match="is a generator"):
        db.guard(stream)


def test_hedging_needs_an_idempotent_coroutine() -> None:
    """Two copies at once are for asynchronous functions that may be repeated."""
    db = Application("t").dependency("db", essential=True, because="x", hedge=0.9)
    with pytest.raises(DeclarationError, match="cannot be sent twice"):
        db.guard(number)
