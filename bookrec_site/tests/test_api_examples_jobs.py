"""The examples of docs/api.md do what it says: those about what takes long."""

import csv
import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from bookrec_site.tests.test_api_examples import JOBS, blocks
from catalog.tests.factories import BookFactory
from ratings.library_import import requests
from ratings.library_import.working import work_at
from ratings.models import Rating
from ratings.services import rate_book
from ratings.tests.libraries import goodreads_csv
from recommender import runs
from recommender.models import TrainingRun

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None and not os.environ.get("CI"),
    reason="the examples are written for curl",
)


@pytest.fixture
def examples(live_server, tmp_path, monkeypatch) -> dict[str, str]:
    """What the examples run with; the worker's part is done at once, a run stays queued."""
    monkeypatch.setattr(requests, "_send", work_at)
    monkeypatch.setattr(runs, "_send", lambda run_id: None)
    dune = BookFactory(pk=42, title="Dune", authors=["Frank Herbert"])
    ada = UserFactory(username="ada")
    rate_book(user=ada, book=dune, stars=5)
    # A number too, or the sequence could come to 42 by now.
    BookFactory(pk=43, title="The Hobbit", authors=["J.R.R. Tolkien"])
    (tmp_path / "library.csv").write_bytes(
        goodreads_csv(
            {"Title": "The Hobbit", "Author": "J.R.R. Tolkien", "My Rating": "4"},
            {"Title": "A Pamphlet", "Author": "Nobody", "My Rating": "3"},
        )
    )
    operator = UserFactory(is_staff=True, is_superuser=True)
    return os.environ | {
        "SITE": live_server.url,
        "TOKEN": issue_token(ada)[1],
        "OPERATOR": issue_token(operator)[1],
    }


def answers(heading: str, environment: dict[str, str], folder: Path) -> list[Any]:
    """Run the section's examples in the folder, and return every JSON document they print."""
    [block] = blocks()[heading]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    found, rest = [], done.stdout.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def test_a_library_is_brought_along_and_taken_back(examples, tmp_path) -> None:
    begun, same, done, rows, row, chosen, opened, skipped, undone = answers(
        JOBS[0], examples, tmp_path
    )
    assert (begun["status"], begun["n_rows"]) == ("queued", 2)
    assert same == {"status": 304}
    assert (done["status"], done["counts"]["added"], done["counts"]["needs_review"]) == (
        "done",
        1,
        1,
    )
    assert [one["line"] for one in rows["results"]] == [3]
    assert row["title"] == "A Pamphlet"
    assert (chosen["outcome"], chosen["book"]["title"]) == ("unchanged", "Dune")
    assert (opened["outcome"], skipped["outcome"]) == ("needs_review", "skipped")
    assert undone["status"] == "undone"
    assert Rating.objects.get().book_id == 42
    # Nothing was left to put right when the file was made.
    text = (tmp_path / "to-put-right.csv").read_text("utf-8-sig")
    assert len(list(csv.reader(io.StringIO(text)))) == 1


def test_everything_is_taken_along(examples, tmp_path) -> None:
    [forms] = answers(JOBS[1], examples, tmp_path)
    assert [form["name"] for form in forms["results"]] == ["everything", "goodreads"]
    with zipfile.ZipFile(tmp_path / "bookrec.zip") as archive:
        assert "Dune" in archive.read("ratings.csv").decode()
    [book] = csv.DictReader(io.StringIO((tmp_path / "goodreads.csv").read_text("utf-8-sig")))
    assert (book["Title"], book["My Rating"]) == ("Dune", "5")


def test_a_run_is_started_watched_and_cancelled(examples, tmp_path) -> None:
    listed, started, seen, cancelled = answers(JOBS[2], examples, tmp_path)
    run = TrainingRun.objects.get()
    assert listed["results"] == []
    assert (started["id"], started["status"], started["kind"]) == (run.pk, "queued", "quick")
    assert seen == started
    assert (cancelled["status"], run.status) == ("cancelled", "cancelled")
