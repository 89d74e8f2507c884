"""described.toml: what each variable of the environment does, in words."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Variable:
    """Words about one variable; what is None is taken from the code that reads it."""

    name: str
    says: str
    # The processes that do something else because of it; every process refuses a bad value.
    of: str = "all"
    default: str | None = None
    allowed: str | None = None
    secret: bool = False


@dataclass(frozen=True)
class Chapter:
    title: str
    intro: str
    # Read by other code than these settings, or by a library.
    elsewhere: bool
    variables: tuple[Variable, ...]


def chapters() -> list[Chapter]:
    """Return what is described, in the order of the page."""
    with _FILE.open("rb") as file:
        return [_chapter(table) for table in tomllib.load(file)["chapter"]]


def _chapter(table: dict[str, Any]) -> Chapter:
    title, intro = table.pop("title"), table.pop("intro", "")
    elsewhere = table.pop("elsewhere", False)
    variables = tuple(Variable(name, **words) for name, words in table.items())
    return Chapter(title, intro, elsewhere, variables)
