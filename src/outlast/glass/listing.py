"""Listing: which of many things a page shows: what was searched for, the worst first, a page at a time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

PAGE_SIZE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page of things.

    Attributes:
        total: how many there are on all pages.
        page: counted from 1, at most `pages`.
    """

    lines: tuple[T, ...]
    total: int
    page: int
    pages: int


def paged(things: Sequence[T], page: int, size: int = PAGE_SIZE) -> Found[T]:
    """Return one page; a number beyond the last one means the last one."""
    pages = max(1, -(-len(things) // size))
    at = min(max(1, page), pages)
    return Found(tuple(things[(at - 1) * size : at * size]), len(things), at, pages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked for.

    Attributes:
        text: part of a name; empty: all.
        wrong: only what needs somebody.
        page: counted from 1.
    """

    text: str = ""
    wrong: bool = False
    page: int = 1

    def find(
        self,
        things: Iterable[T],
        names: Callable[[T], Iterable[str]],
        is_wrong: Callable[[T], bool],
        size: int = PAGE_SIZE,
    ) -> Found[T]:
        """Return a page of what fits, what is wrong first and otherwise in the order given."""
        text = self.text.lower()
        mine = [
            one
            for one in things
            if (not self.wrong or is_wrong(one))
            and (not text or any(text in name.lower() for name in names(one)))
        ]
        mine.sort(key=lambda one: not is_wrong(one))
        return paged(mine, self.page, size)
