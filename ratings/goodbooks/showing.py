"""An import as the person who started it sees it: progress, then a table of what was done."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import OutputWrapper

from catalog.goodbooks.progress import Progress, SilentProgress
from ratings.goodbooks.importing import ImportResult


class _PlainProgress:
    """A line per stage, for logs and pipes."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out

    def start(self, stage: str, total: int | None = None) -> None:
        self._out.write(f"{stage} ({total / 1e6:.1f} MB)" if total else stage)
        self._out.flush()

    def advance(self, amount: int) -> None:
        pass


@contextmanager
def show_progress(out: OutputWrapper, verbosity: int) -> Iterator[Progress]:
    """Give a bar per stage on a terminal, lines elsewhere, nothing with verbosity 0."""
    if verbosity == 0:
        yield SilentProgress()
    elif not out.isatty():
        yield _PlainProgress(out)
    else:
        with _bars() as bars:
            yield bars


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    rich = RichProgress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), transient=True
    )

    class Bars:
        task: TaskID | None = None

        def start(self, stage: str, total: int | None = None) -> None:
            self.finish()
            # A total of None shows a bar that only says that something happens.
            self.task = rich.add_task(stage, total=total)

        def advance(self, amount: int) -> None:
            if self.task is not None:
                rich.advance(self.task, amount)

        def finish(self) -> None:
            if self.task is not None:
                rich.remove_task(self.task)

    with rich:
        yield Bars()


def summary(result: ImportResult, seconds: float) -> str:
    """Say what was read, written and left out, and why."""
    lines = [_table(result)]
    for name, report in result.files.items():
        for reason, times in report.counts.reasons.most_common():
            lines.append(f"{name}: {times:,} skipped: {reason}")
        for warning, times in report.warnings.most_common():
            lines.append(f"{name}: {times:,} kept with a remark: {warning}")
    if result.skipped_path:
        lines.append(f"The skipped rows are in {result.skipped_path}")
    if result.removed:
        removed = result.removed
        lines.append(
            f"Real data took the place of the built-in set: {removed.readers:,} simulated readers "
            f"and {removed.books:,} of its books were removed"
            + (
                f", the opinions of {removed.carried_over:,} carried over to the real ones"
                if removed.carried_over
                else ""
            )
            + (
                f"; {removed.kept_books:,} stay, readers of this site said something of them."
                if removed.kept_books
                else "."
            )
        )
    if result.readers_added:
        lines.append(f"Readers added: {result.readers_added:,}")
    if not result.changed:
        lines.append("Nothing changed.")
    lines.append(f"Imported in {seconds:.1f} s.")
    return "\n".join(lines)


def _table(result: ImportResult) -> str:
    columns = ("read", "added", "updated", "unchanged", "skipped")
    rows = [
        [name, *(f"{getattr(report.counts, column):,}" for column in columns)]
        for name, report in result.files.items()
    ]
    header = ["file", *columns]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in [header, *rows]
    )
