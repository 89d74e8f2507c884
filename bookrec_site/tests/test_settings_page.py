"""docs/settings.md has every variable that is read anywhere, as the code reads it."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from environs import EnvError, validate

from bookrec_site.settings.described import chapters
from bookrec_site.settings.env import env
from bookrec_site.settings.page import PAGE, settings_page
from bookrec_site.settings.recording import REQUIRED, RecordingEnv
from bookrec_site.tests.test_settings import PRODUCTION

# What a process of ours tells another one of ours: nobody else sets these.
OWN = {"BENCHMARK_DATABASE", "PROMETHEUS_MULTIPROC_DIR"}
# What every program reads.
OF_THE_SYSTEM = {"HOME", "PATH", "PYTHONPATH"}


def rows() -> dict[str, list[str]]:
    lines = re.findall(r"^\| `(\w+)`.*$", PAGE.read_text(), re.MULTILINE)
    cells = re.findall(r"^(\| `\w+`.*\|)$", PAGE.read_text(), re.MULTILINE)
    return {
        name: [cell.strip() for cell in line.strip("|").split(" | ")]
        for name, line in zip(lines, cells, strict=True)
    }


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    # Another folder's environment, a fixture's: tests make variables up.
    return [settings.BASE_DIR / name for name in listed if Path(name).parent.name != "tests"]


def is_environment(node: ast.expr) -> bool:
    """Whether an expression is `os.environ`, or what is called so."""
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id == "environ"
    )


def names_read(code: str) -> Iterator[str]:
    """Yield the variables that code reads by a name that is written there."""
    for node in ast.walk(ast.parse(code)):
        asked: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            asked = node.slice if is_environment(node.value) else None
        elif isinstance(node, ast.Compare) and any(map(is_environment, node.comparators)):
            asked = node.left
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            of_environ = is_environment(node.func.value)
            if (of_environ and node.func.attr in {"get", "setdefault", "pop"}) or (
                node.func.attr in {"getenv", "environb"}
            ):
                asked = node.args[0]
        if isinstance(asked, ast.Constant) and isinstance(asked.value, str):
            yield asked.value


def test_the_page_is_what_the_code_says():
    assert PAGE.read_text() == settings_page(), "run: make settings-page"


def test_the_page_is_the_same_on_every_machine(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "manage.py", "settings_page", "--check"],
        cwd=settings.BASE_DIR,
        env={key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        | PRODUCTION
        | {
            "BOOKREC_LOCAL_DIR": str(tmp_path),
            "TOKEN_MAX_DAYS": "30",
            "THROTTLE_READER": "5/min",
            "EMAIL_URL": "smtp://mail.example.org",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_read_past_the_settings_is_on_the_page():
    found = {name for path in sources() for name in names_read(path.read_text())}
    assert {"DEMO_PASSWORD", "GOODBOOKS_DIR", "OPENBLAS_NUM_THREADS"} <= found
    assert sorted(found - rows().keys() - OWN - OF_THE_SYSTEM) == []


@pytest.mark.parametrize(
    "code",
    [
        "os.environ['WANTED']",
        "os.environ.get('WANTED', '')",
        "os.environ.setdefault('WANTED', '1')",
        "'WANTED' in os.environ",
        "os.getenv('WANTED')",
        "def f(environ): return environ.get('WANTED')",
    ],
)
def test_the_search_finds_every_form_of_reading(code: str):
    assert list(names_read(code)) == ["WANTED"]


def test_the_search_leaves_alone_what_is_only_set():
    assert list(names_read("os.environ['WANTED'] = '1'")) == []


def test_rows_say_what_the_code_checks():
    row = rows()
    assert row["RETRAIN_HOUR"][1:3] == ["0 to 23", "`3`"]
    assert row["LOG_FORMAT"][1:3] == ["`plain`, `json`", "`plain`"]
    assert row["ARTIFACTS_DIR"][1:3] == ["folder", "below `.local/`"]
    assert row["COVERS_ENABLED"][1:3] == ["yes or no", "yes"]
    assert row["SECRET_KEY"][0].endswith("\N{KEY}")
    assert not row["REDIS_URL"][0].endswith("URL`")


def test_no_variable_is_described_twice():
    named = [variable.name for chapter in chapters() for variable in chapter.variables]
    assert len(named) == len(set(named))


def test_a_variable_that_nobody_described_is_refused(monkeypatch: pytest.MonkeyPatch):
    some = env.reads["RETRAIN_HOUR"]
    monkeypatch.setitem(env.reads, "RETRAIN_MINUTE", some)
    with pytest.raises(LookupError, match=r"RETRAIN_MINUTE: not in .*described\.toml"):
        settings_page()


def test_a_variable_that_nobody_reads_any_more_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(env.reads, "RETRAIN_HOUR")
    with pytest.raises(LookupError, match="RETRAIN_HOUR: described, but never read"):
        settings_page()


def test_reading_is_recorded_and_otherwise_as_ever(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOUR", "7")
    reading = RecordingEnv()
    limits = validate.Range(0, 23)
    assert reading.int("HOUR", default=3, validate=limits) == 7
    assert reading.str("ABSENT", default="x") == "x"
    assert (reading.reads["HOUR"].default, reading.reads["HOUR"].validate) == (3, limits)
    with pytest.raises(EnvError, match="NEEDED"):
        reading.str("NEEDED")
    assert reading.reads["NEEDED"].default is REQUIRED
    monkeypatch.setenv("HOUR", "24")
    with pytest.raises(EnvError, match="HOUR"):
        reading.int("HOUR", default=3, validate=limits)
