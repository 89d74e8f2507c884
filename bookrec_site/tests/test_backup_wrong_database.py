"""A database that is not there, or not the site's: one sentence says so, and nothing is done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from bookrec_site.tests.running_site import scratch_database, site_environment, url_of_database

pytestmark = pytest.mark.django_db


def refusal_of(url: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=site_environment(url, folder),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("command", "beginning"),
    [("backup", "CommandError: No backup was made: "), ("restore", "CommandError: Nothing was")],
)
def test_a_database_that_is_not_there(tmp_path: Path, command: str, beginning: str) -> None:
    target = tmp_path / "site.tar"
    url = url_of_database(f"test_bookrec_{os.getpid()}_nowhere")
    said = refusal_of(url, tmp_path, command, str(target))
    assert said.startswith(beginning)
    assert url.partition("?")[0].rpartition("/")[2] in said
    assert "\n" not in said
    assert not target.exists()


def test_a_database_without_the_site_has_no_backup(tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    with scratch_database(f"test_bookrec_{os.getpid()}_bare") as url:
        said = refusal_of(url, tmp_path, "backup", str(backups))
    assert said.startswith("CommandError: No backup was made: ")
    assert "\n" not in said
    assert not list(backups.iterdir())
