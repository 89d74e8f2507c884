"""Whether migrations may run while the site does: squawk reads the SQL that Django makes of them.

`.squawk.toml` chooses the rules, `migration_lint.toml` names the findings that are accepted, and
why. docs/upgrading.md has the policy, docs/adr/0021-migrations-without-downtime.md the reasons.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

_ACCEPTED: Final = Path(__file__).with_suffix(".toml")
_CREATED = re.compile(r'^CREATE TABLE ("\w+")', re.MULTILINE)
_ALTERED = re.compile(r'ALTER TABLE ("\w+")')
# What squawk has no rule for. Each holds a table against whoever reads it, whatever else is done.
_LOCKING = re.compile(
    r"(?:^|;)[ \t]*((?:TRUNCATE|LOCK|CLUSTER|VACUUM\b[^;\n]*\bFULL"
    r"|REFRESH\s+MATERIALIZED\s+VIEW(?!\s+CONCURRENTLY))\b[^;\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
# squawk obeys these comments.
_EXCUSED = re.compile(r"^.*squawk-ignore.*$", re.MULTILINE)


class LinterError(Exception):
    """The migrations could not be looked at, or what is accepted is not there."""


@dataclass(frozen=True, order=True)
class Finding:
    """What squawk says of one statement."""

    # "app.name"
    migration: str
    rule: str
    statement: str
    message: str


def own_migrations() -> list[tuple[str, str]]:
    """Return (app, name) of the migrations in this repository, in an order that can be applied."""
    loader = MigrationLoader(None)
    own = {
        app.label
        for app in apps.get_app_configs()
        if Path(app.path).resolve().is_relative_to(settings.BASE_DIR)
        and not Path(app.path).resolve().is_relative_to(Path(sys.prefix).resolve())
    }
    return sorted(key for key in loader.disk_migrations if key[0] in own)


def lint(migrations: Iterable[tuple[str, str]] | None = None) -> list[Finding]:
    """Return what is found in these migrations, or in all of ours, accepted or not."""
    chosen = own_migrations() if migrations is None else migrations
    return lint_sql({f"{app}.{name}": _sql_of(app, name) for app, name in chosen})


def lint_sql(sql: Mapping[str, str]) -> list[Finding]:
    """Return what squawk finds in the SQL of each migration.

    Nobody waits for a table that the same migration makes: what is found there is left out.
    """
    with tempfile.TemporaryDirectory(prefix="bookrec-lint-") as folder:
        files = {}
        for migration, text in sql.items():
            path = Path(folder) / f"{migration}.sql"
            path.write_text(text)
            files[str(path)] = migration
        found = {
            finding
            for said in _squawk(list(files))
            if (finding := _finding(files[said["file"]], sql[files[said["file"]]], said))
        }
    return sorted(found.union(*(_ours(migration, text) for migration, text in sql.items())))


def not_accepted(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that nobody accepted.

    Raises LinterError when something is accepted that is not found, or without a reason.
    """
    accepted = _accepted()
    found = {(finding.migration, finding.rule) for finding in findings}
    if unfound := sorted(accepted - found):
        named = ", ".join(f"{migration} {rule}" for migration, rule in unfound)
        raise LinterError(f"{_ACCEPTED.name} accepts what is not found: {named}")
    return [each for each in findings if (each.migration, each.rule) not in accepted]


def _accepted() -> set[tuple[str, str]]:
    accepted: set[tuple[str, str]] = set()
    for entry in tomllib.loads(_ACCEPTED.read_text())["accepted"]:
        if not entry["why"].strip():
            raise LinterError(f"{_ACCEPTED.name} has an entry without a reason.")
        for migration, rules in entry["migrations"].items():
            accepted.update((migration, rule) for rule in rules)
    return accepted


def _sql_of(app: str, name: str) -> str:
    out = io.StringIO()
    call_command("sqlmigrate", app, name, stdout=out, no_color=True)
    return out.getvalue()


def _finding(migration: str, sql: str, said: Mapping[str, Any]) -> Finding | None:
    # Django writes one statement into one line.
    statement = sql.splitlines()[said["line"]].strip()
    altered = _ALTERED.match(statement)
    if altered and altered[1] in _CREATED.findall(sql):
        return None
    return Finding(migration, said["rule_name"], statement, said["message"])


def _ours(migration: str, sql: str) -> set[Finding]:
    """Return what squawk does not see."""
    locking = "Everybody waits for this table, readers too."
    excused = f"What has to be is accepted in {_ACCEPTED.name}, with its reason."
    return {
        *(Finding(migration, "locking-table", at[1], locking) for at in _LOCKING.finditer(sql)),
        *(Finding(migration, "ignore-comment", at[0], excused) for at in _EXCUSED.finditer(sql)),
    }


def _squawk(files: list[str]) -> list[dict[str, Any]]:
    beside = Path(sys.executable).with_name("squawk")
    program = str(beside) if beside.is_file() else shutil.which("squawk")
    if program is None:
        raise LinterError("squawk is not installed: make install-dev")
    if not files:
        return []
    done = subprocess.run(  # noqa: S603 - the command is ours
        [program, "--reporter=json", f"--config={settings.BASE_DIR / '.squawk.toml'}", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    # 1: something was found.
    if done.returncode not in (0, 1):
        raise LinterError(f"squawk failed: {done.stderr.strip()}")
    said: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return said
