"""docs/settings.md: every variable that is read, from the code that reads it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from environs import validate

from bookrec_site.settings.described import Chapter, chapters
from bookrec_site.settings.env import BASE_DIR, env
from bookrec_site.settings.recording import REQUIRED, Read

PAGE: Final = BASE_DIR / "docs" / "settings.md"

_HEAD = """\
# Settings

Written by `make settings-page` from `bookrec_site/settings/`; a test fails when this page is stale.
To add a variable, read it with `env` in one of those modules, describe it in
`bookrec_site/settings/described.toml`, and run `make settings-page`.

Everything comes from the environment and is read once, typed; a bad value stops the start with one
sentence. Lists are comma-separated. *Process*: who does something else because of the variable.
*web* is gunicorn, *default* and *training* are the Celery workers of these queues, *all* are these,
beat and the commands of `manage.py`. \N{KEY}: secret; never on a command line.
"""
_KINDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "yes or no",
    "list": "list",
    "path": "folder",
    "url": "address",
    "dj_db_url": "address",
    "dj_email_url": "address",
}


def settings_page() -> str:
    """Return the page; it is the same whatever the environment says.

    Raises
    ------
    LookupError
        When a variable is read that nobody described, or one is described that nobody reads.
    """
    listed = chapters()
    here = {v.name for chapter in listed if not chapter.elsewhere for v in chapter.variables}
    if missing := sorted(env.reads.keys() - here):
        raise LookupError(f"{', '.join(missing)}: not in bookrec_site/settings/described.toml")
    if unread := sorted(here - env.reads.keys()):
        raise LookupError(f"{', '.join(unread)}: described, but never read")
    return _HEAD + "".join(f"\n{_chapter(chapter)}" for chapter in listed)


def write_page(page: Path = PAGE) -> None:
    page.write_text(settings_page())


def _chapter(chapter: Chapter) -> str:
    intro = [chapter.intro, ""] if chapter.intro else []
    return "\n".join([f"## {chapter.title}", *intro, *_table(chapter), ""])


def _table(chapter: Chapter) -> Iterator[str]:
    yield "| variable | value | default | process | |"
    yield "|---|---|---|---|---|"
    for variable in chapter.variables:
        read = env.reads.get(variable.name)
        cells = (
            f"`{variable.name}`" + (" \N{KEY}" if variable.secret else ""),
            variable.allowed or (_allowed(read) if read else "text"),
            variable.default or (_default(read.default) if read else "none"),
            variable.of,
            variable.says,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _allowed(read: Read) -> str:
    """Say what a value may be, from the parser and from marshmallow's validators."""
    rule = read.validate
    if isinstance(rule, validate.Range):
        return f"{rule.min} to {rule.max}"
    if isinstance(rule, validate.OneOf):
        return ", ".join(f"`{choice}`" for choice in rule.choices)
    return _KINDS[read.parser]


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "must be set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value) or "none"
    return f"`{value}`" if value != "" else "none"
