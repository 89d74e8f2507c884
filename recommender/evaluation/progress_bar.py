"""How far a long computation is, for somebody who waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from recommender.engine import OnProgress


@contextmanager
def progress_bar(name: str) -> Iterator[OnProgress | None]:
    """Show stages on the error stream while something runs; nothing unless it is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description:32}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda stage, done: progress.update(
            task, description=f"{name}: {stage}", completed=done
        )
