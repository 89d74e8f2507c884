"""How an import tells what it is doing, without knowing who looks."""

from typing import Protocol


class Progress(Protocol):
    def start(self, stage: str, total: int | None = None) -> None:
        """A new stage begins; `total` is in bytes where its length is known."""

    def advance(self, amount: int) -> None:
        """`amount` more bytes of the stage are done."""


class SilentProgress:
    """For callers that do not look: tests, other services."""

    def start(self, stage: str, total: int | None = None) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass
