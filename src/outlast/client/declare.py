"""Checks of declarations, at import: everything that cannot be meant is said before the first call."""

import types
from collections.abc import Callable, Sequence
from typing import Any, Union, get_args, get_origin

from outlast.client.errors import DeclarationError
from outlast.client.ladder import Instead, Ladder, LastGood, Later, Off, OtherRegion, Rung, Value

CO_COROUTINE = 0x80
"""`inspect.CO_COROUTINE`; importing `inspect` for one flag would cost more than this whole library."""

CO_GENERATOR = 0x20 | 0x200


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a function is a coroutine function.

    Raises:
        DeclarationError: it is a generator, whose body runs after the guard has gone.
    """
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    if flags & CO_GENERATOR:
        raise DeclarationError(
            f"{name_of(function)} is a generator; its body would run outside the guard",
            remedy="guard the function that opens the stream, or use the dependency's block()",
        )
    return bool(flags & CO_COROUTINE)


def name_of(function: Callable[..., Any]) -> str:
    """Return how a function is called in messages."""
    return getattr(function, "__qualname__", repr(function))


def number(name: str, what: str, value: float | None, *, above: float, most: float) -> None:
    """Check a limit.

    Raises:
        DeclarationError: it is not above `above`, or it is more than `most`.
    """
    if value is not None and not above < value <= most:
        raise DeclarationError(
            f"{name}: {what} is {value!r}",
            remedy=f"give a number above {above:g}, up to {most:g}, or None",
        )


def limits(name: str, given: Sequence[tuple[str, float | None, float]]) -> None:
    """Check several limits that must be above 0, each with the most that can be meant."""
    for what, value, most in given:
        number(name, what, value, above=0.0, most=most)


def survives(name: str, *, essential: bool, ladder: Ladder, because: str, of: str = "") -> None:
    """Check that somebody has thought about what happens without the dependency.

    Raises:
        DeclarationError: essential with neither a fallback nor a reason, or optional without a fallback.
    """
    subject = f"{name}{f' ({of})' if of else ''}"
    if ladder or because:
        return
    if essential:
        raise DeclarationError(
            f"{subject} is essential, has no fallback, and does not say why",
            remedy="give fallbacks=(...), or because='...' if the application cannot live without it",
        )
    raise DeclarationError(
        f"{subject} is optional, but nothing says what is returned without it",
        remedy="give fallbacks=(...): LastGood, Value, Instead, Later or Off",
    )


def is_ladder(name: str, ladder: object) -> None:
    """Check that fallbacks are a tuple of fallbacks; one without its comma is not.

    Raises:
        DeclarationError: they are not.
    """
    if (
        isinstance(ladder, Rung)
        or not isinstance(ladder, tuple)
        or not all(isinstance(rung, Rung) for rung in ladder)
    ):
        raise DeclarationError(
            f"{name}: fallbacks is {ladder!r}",
            remedy="give a tuple of LastGood, Value, Instead, Later, OtherRegion, Off; a comma makes it one",
        )


def fits(name: str, function: Callable[..., Any], ladder: Ladder, hosts: Sequence[str]) -> None:
    """Check that every fallback returns what the function returns.

    Raises:
        DeclarationError: one does not, or it can never be taken.
    """
    wanted = _returned(function)
    for rung in ladder:
        fault = ""
        match rung:
            case OtherRegion() if len(hosts) < 2:
                fault = "there is no other region in its hosts"
            case LastGood(max_age_s=age_s) if age_s <= 0:
                fault = f"max_age_s is {age_s!r}"
            case Value(value=value) if not _is_a(value, wanted):
                fault = f"{value!r} is no {_print(wanted)}"
            case Later() | Off() if not _is_a(None, wanted):
                fault = f"it returns None, which is no {_print(wanted)}"
            case Instead(function=other):
                fault = _misfit(function, other, wanted)
        if fault:
            raise DeclarationError(
                f"{name}: the fallback {rung.kind} cannot serve {name_of(function)}: {fault}",
                remedy="a fallback returns what the function returns; see its annotation",
            )


def _misfit(function: Callable[..., Any], other: Callable[..., Any], wanted: object) -> str:
    if is_async(function) != is_async(other):
        return f"{name_of(other)} and it are not both coroutine functions"
    got = _returned(other)
    if _ANY in (wanted, got) or got == wanted:
        return ""
    members = _members(wanted)
    if all(one in members for one in _members(got)):
        return ""
    if isinstance(got, type) and any(
        isinstance(one, type) and issubclass(got, one) for one in members
    ):
        return ""
    return f"{name_of(other)} returns {_print(got)}, not {_print(wanted)}"


_ANY = Any


def _returned(function: Callable[..., Any]) -> object:
    annotations = getattr(function, "__annotations__", {})
    if "return" not in annotations:
        return _ANY
    kind = annotations["return"]
    if isinstance(kind, str):
        try:
            kind = eval(kind, getattr(function, "__globals__", {}))  # noqa: S307 - the user's annotation
        except NameError:
            return _ANY  # imported for type checkers only: the type checker's business then
    return type(None) if kind is None else kind


def _members(kind: object) -> tuple[object, ...]:
    if get_origin(kind) in (Union, types.UnionType):
        return get_args(kind)
    return (kind,)


def _is_a(value: object, kind: object) -> bool:
    """Whether a value fits an annotation as far as its outer type tells; unknown kinds fit."""
    for one in _members(kind):
        plain = get_origin(one) or one
        if plain is _ANY or not isinstance(plain, type):
            return True
        try:
            if isinstance(value, plain) or (plain is float and isinstance(value, int)):
                return True
        except TypeError:
            return True
    return False


def _print(kind: object) -> str:
    return getattr(kind, "__name__", str(kind)) if isinstance(kind, type) else str(kind)
