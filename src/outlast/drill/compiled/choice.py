"""Which engine steps a drill: the compiled one wherever it can be had, unless somebody says otherwise."""

import ctypes
from enum import StrEnum
from functools import cache

from outlast.drill.compiled.build import NoCompiler, built, load
from outlast.drill.compiled.stepper import Stepper
from outlast.model.errors import ConfigError


class Engine(StrEnum):
    """Who makes the steps."""

    AUTO = "auto"
    """Compiled if there is a compiler, else numpy."""
    COMPILED = "compiled"
    NUMPY = "numpy"


def stepper(engine: Engine) -> Stepper | None:
    """Return what steps a run; None: numpy does.

    Raises:
        ConfigError: the compiled engine is asked for and cannot be had.
    """
    if engine is Engine.NUMPY:
        return None
    found = _library()
    if isinstance(found, ctypes.CDLL):
        return Stepper(found)
    if engine is Engine.COMPILED:
        raise ConfigError(f"no compiled engine: {found}", remedy="--engine numpy runs without one")
    return None


def used(engine: Engine) -> str:
    """Say which engine that is on this machine, and why it is not the compiled one."""
    if engine is Engine.NUMPY:
        return "numpy"
    found = _library()
    return "compiled" if isinstance(found, ctypes.CDLL) else f"numpy ({found})"


@cache
def _library() -> ctypes.CDLL | NoCompiler:
    """Return the loaded step, or why there is none; it is not asked twice in a process."""
    try:
        return load(built())
    except NoCompiler as error:
        return error
