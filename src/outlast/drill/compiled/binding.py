"""Binding: the arrays of a world, handed to the compiled step by address.

Mechanisms bind new arrays to their names all the time, and so do operators' levers; addresses are therefore
looked up anew before each call, and only what is another array than last time costs more than a look.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from outlast.drill.compiled.fields import GROUPS, PEOPLE, WORLD, Group
from outlast.drill.compiled.tables import cut, tables
from outlast.drill.meters import Meters
from outlast.drill.world import World

_DTYPES: dict[str, np.dtype[Any]] = {
    "f64": np.dtype(np.float64),
    "i64": np.dtype(np.int64),
    "u8": np.dtype(np.uint8),
}
_NUMBERS: dict[str, Any] = {"f64": ctypes.c_double, "i64": ctypes.c_int64}


def _struct(group: Group, held: tuple[tuple[str, type[ctypes.Structure]], ...] = ()) -> Any:
    fields = [
        (name, _NUMBERS[kind.rstrip("&")] if kind[-1] not in "*]" else ctypes.c_void_p)
        for name, kind, _ in group.fields
    ]
    return type(group.name, (ctypes.Structure,), {"_fields_": [*fields, *held]})


def struct() -> Any:
    """Return the struct of a world, as `fields.header` has it in C."""
    return _struct(WORLD, tuple((one.name, _struct(one)) for one in GROUPS))


_People = _struct(PEOPLE)


def people(values: dict[str, Any]) -> tuple[ctypes.Structure, list[Any]]:
    """Return a struct of people, and the arrays that must outlive its use."""
    made, kept = _People(), []
    for name, kind, _ in PEOPLE.fields:
        value = values[name]
        if kind[-1] in "*]":
            kept.append(_laid_out(value, kind))
            value = kept[-1].ctypes.data
        setattr(made, name, value)
    return made, kept


@dataclass(slots=True)
class _Field:
    """A field that is looked up before each call, and what it was the last time."""

    target: Any
    name: str
    kind: str
    read: Callable[[Any], Any]
    root: Any
    last: Any = None
    kept: Any = None

    def point(self) -> None:
        """Hand over the array's address, if it is another one."""
        value = self.read(self.root)
        if value is not self.last:
            self.last, self.kept = value, _laid_out(value, self.kind)
            setattr(self.target, self.name, self.kept.ctypes.data)

    def number(self) -> None:
        """Hand over a number."""
        setattr(self.target, self.name, int(self.read(self.root)))


def _laid_out(value: Any, kind: str) -> Any:
    """Return an array as C wants it.

    Raises:
        TypeError: the step would write into a copy.
    """
    dtype = _DTYPES[kind[:-1].rstrip("[")]
    plain = value.view(np.uint8) if value.dtype.itemsize == 1 else value
    made = np.ascontiguousarray(plain, dtype=dtype)
    if kind.endswith("*") and value.size and not np.shares_memory(made, value):
        raise TypeError(f"an array of {value.dtype} with strides {value.strides} cannot be written")
    return made


class Bound:
    """A world and its meters, bound to the compiled step."""

    def __init__(self, world: World, meters: Meters) -> None:
        self.world = world
        self.struct = struct()()
        self._pointers: list[_Field] = []
        self._numbers: list[_Field] = []
        self._counters: list[tuple[_Field, Any, str]] = []
        self._tables = tables(world)
        self._roads: list[Any] = []
        for group in GROUPS:
            root: Any = meters if group.name == "meters" else world
            if group.source and attrgetter(group.source)(world) is not None:
                root = attrgetter(group.source)(world)
            elif group.source:
                continue
            self._bind(group, getattr(self.struct, group.name), root)
        self._bind(WORLD, self.struct, world)

    def _bind(self, group: Group, target: Any, root: Any) -> None:
        for name, kind, source in group.fields:
            if source == "=":
                self._put(group.name, target, name, kind)
                continue
            one = _Field(target, name, kind, attrgetter(source), root)
            if kind[-1] in "*]":
                self._pointers.append(one)
            else:
                self._numbers.append(one)
            if kind == "i64&":
                parent, _, leaf = source.rpartition(".")
                self._counters.append((one, attrgetter(parent)(root), leaf))

    def _put(self, group: str, target: Any, name: str, kind: str) -> None:
        value = self._tables[group].get(name)
        if value is None:
            return
        if kind[-1] in "*]":
            value = self._tables[group][name] = _laid_out(value, kind)
            value = value.ctypes.data
        setattr(target, name, value)

    def hand_over(self) -> None:
        """Look everything up that may have changed since the last call."""
        world = self.world
        for one in self._pointers:
            one.point()
        for one in self._numbers:
            one.number()
        roads = [one.cut for one in world.needs.stepped()]
        if any(one is not None for one in roads) or any(one is not None for one in self._roads):
            self._tables["needs"]["cut"][:] = cut(world.needs)
        self._roads = roads
        self.struct.steered = int(world.steering.active)
        self.struct.no_waiting = int("waiting" in world.cuts)
        self.struct.no_retries = int("retries" in world.cuts)

    def take_back(self) -> None:
        """Take back what the step has counted."""
        for one, parent, leaf in self._counters:
            setattr(parent, leaf, getattr(one.target, one.name))
