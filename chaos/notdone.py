"""What every hand is: a way to do one planned fault, and a way to say that it could not be done."""

import random
from collections.abc import Awaitable, Callable

from chaos.drawing import Planned

Hand = Callable[[Planned, random.Random], Awaitable[str]]
"""Does one fault and undoes it; returns one line about what really happened."""


class NotDone(Exception):
    """The fault could not be done; the text says why. Such a fault does not count."""
