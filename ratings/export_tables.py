"""Files of a reader's export that apps above this one fill: they add them once they are ready."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from accounts.models import User


@dataclass(frozen=True)
class ExportTable:
    """A table of what is kept of a reader, in words."""

    # Of the CSV file, without its ending; in bookrec.json with spaces.
    name: str
    # What read_me.txt says of it.
    about: str
    columns: tuple[str, ...]
    # Gives a text for each column; books are named, never numbered.
    rows: Callable[[User], Iterator[tuple[str, ...]]]

    @property
    def file_name(self) -> str:
        return f"{self.name}.csv"

    @property
    def key(self) -> str:
        return self.name.replace("_", " ")


_tables: dict[str, ExportTable] = {}


def add_table(table: ExportTable) -> None:
    """Have the table in every export from now on."""
    _tables[table.name] = table


def added_tables() -> list[ExportTable]:
    return list(_tables.values())
