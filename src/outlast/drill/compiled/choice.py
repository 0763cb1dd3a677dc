"""Choosing: the compiled engine wherever it can be had, unless somebody wants another."""

import ctypes
from functools import cache

from outlast.drill.compiled.build import NoCompiler, built, load
from outlast.drill.compiled.stepper import Stepper
from outlast.drill.compiled.wanted import Engine
from outlast.model.errors import ConfigError


def stepper(engine: Engine) -> Stepper | None:
    """Return what steps a run; None: numpy does.

    Raises:
        ConfigError: the compiled engine is asked for and cannot be had.
    """
    if engine is Engine.NUMPY:
        return None
    found = library()
    if isinstance(found, ctypes.CDLL):
        return Stepper(found)
    if engine is Engine.COMPILED:
        raise ConfigError(f"no compiled engine: {found}", remedy="--engine numpy runs without one")
    return None


def available() -> tuple[Engine, ...]:
    """Return the engines that can be had here."""
    found = (Engine.NUMPY, Engine.COMPILED)
    return found if isinstance(library(), ctypes.CDLL) else found[:1]


@cache
def library() -> ctypes.CDLL | NoCompiler:
    """Return the loaded step, or why there is none; it is not asked twice in a process."""
    try:
        return load(built())
    except NoCompiler as error:
        return error
