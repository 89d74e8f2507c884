"""Programs in Python: plain ones, and with a client generated from the description."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounts.models import User
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.library_import import requests
from ratings.library_import.working import work_at
from ratings.models import LibraryImport, Rating
from ratings.tests.libraries import goodreads_csv

LIBRARY = goodreads_csv(
    {"Title": "The Hobbit", "Author": "J.R.R. Tolkien", "My Rating": "4"},
    {"Title": "The Hobbit", "Author": "Somebody Else", "My Rating": "3"},
    {"Title": "Dune", "Author": "Frank Herbert", "My Rating": "11"},
)


def example(kind: str) -> str:
    """Return the example of docs/api.md that is marked so."""
    text = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
    [code] = re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return code


@pytest.fixture
def dune(live_server, artifacts) -> Book:
    dune = BookFactory(title="Dune", authors=["Frank Herbert"], ratings_count=500)
    BookFactory(title="The Hobbit", authors=["J.R.R. Tolkien"], ratings_count=400)
    return dune


def test_a_program_without_a_library(live_server, dune) -> None:
    known: dict[str, Any] = {"SITE": live_server.url}
    exec(example("python"), known)
    assert Rating.objects.get(user__username="grace").book == dune
    assert [row["book"]["title"] for row in known["mine"]] == ["The Hobbit"]


@pytest.fixture
def client_folder(live_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the client that the live site's description makes, importable from there."""
    (tmp_path / "docs").symlink_to(settings.BASE_DIR / "docs")
    tools = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    made = subprocess.run(
        # What could not be taken from the description would only be warned of.
        ["bash", "-euo", "pipefail", "-c", f"{example('sh skip').strip()} --fail-on-warning"],
        cwd=tmp_path,
        env={"PATH": tools, "SITE": live_server.url, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_generated_client_signs_up_rates_gets_a_list_and_brings_a_library(
    live_server, dune, client_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (client_folder / "library.csv").write_bytes(LIBRARY)
    # The worker's part, at once after the upload is stored.
    monkeypatch.setattr(requests, "_send", work_at)
    naps: list[float] = []
    monkeypatch.setattr("time.sleep", naps.append)
    known: dict[str, Any] = {"SITE": live_server.url}
    exec(example("python client"), known)
    # What keeps its connections keeps the server's, and those the database's.
    for client in (known["anybody"], known["mary"]):
        client.get_httpx_client().close()
    mary = User.objects.get(username="mary")
    assert known["dune"].id == dune.pk
    assert [row.book.title for row in known["listed"].results] == ["The Hobbit"]
    assert naps == [1]
    assert known["brought"].status == "done"
    assert LibraryImport.objects.get(user=mary).pk == known["brought"].id
    outcomes = [(row.line, row.outcome.value) for row in known["rows"]]
    assert outcomes == [(2, "added"), (3, "needs_review"), (4, "failed")]
    assert known["unsure"] == ["The Hobbit"]
    stars = dict(Rating.objects.filter(user=mary).values_list("book__title", "stars"))
    assert stars == {"Dune": 5, "The Hobbit": 4}
