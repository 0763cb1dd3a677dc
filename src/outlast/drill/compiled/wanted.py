"""Which engine is wanted for the steps of drills.

What was chosen stands in the environment (`OUTLAST_ENGINE`), since sweeps and ensembles run in processes of
their own, on other machines too, and each of them has to find its engine.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from outlast.model.errors import ConfigError


class Engine(StrEnum):
    """Who makes the steps."""

    AUTO = "auto"
    """Compiled if there is a compiler, else numpy."""
    COMPILED = "compiled"
    NUMPY = "numpy"


VARIABLE = "OUTLAST_ENGINE"
"""What names the engine where nobody gives one."""


def wanted() -> Engine:
    """Return the engine that the environment asks for.

    Raises:
        ConfigError: there is none of that name.
    """
    name = os.environ.get(VARIABLE, Engine.AUTO)
    if name not in list(Engine):
        raise ConfigError(
            f"{VARIABLE}={name}: there is no such engine", remedy=f"one of {', '.join(Engine)}"
        )
    return Engine(name)


@contextmanager
def stepped_by(name: object) -> Iterator[None]:
    """Let an engine of this name make all steps meanwhile; None: as the environment has it."""
    before = os.environ.get(VARIABLE)
    if name is not None:
        os.environ[VARIABLE] = str(name)
    try:
        yield
    finally:
        if before is not None:
            os.environ[VARIABLE] = before
        elif name is not None:
            del os.environ[VARIABLE]
