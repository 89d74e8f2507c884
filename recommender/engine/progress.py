"""How a long computation tells how far it is."""

from collections.abc import Callable

OnProgress = Callable[[str, float], None]
"""Called with the stage's name and the part of the whole that is done, 0..1."""
