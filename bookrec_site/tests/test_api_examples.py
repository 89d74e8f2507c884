"""The examples of docs/api.md do what it says."""

import json
import os
import re
import shutil
import subprocess

import pytest
from django.conf import settings

from catalog.models import BookGenre, Genre
from catalog.tests.factories import BookFactory
from ratings.models import Rating


def blocks() -> list[str]:
    text = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def site(live_server, artifacts) -> str:
    dune = BookFactory(
        pk=42,
        title="Dune",
        authors=["Frank Herbert"],
        publication_year=1965,
        ratings_count=500,
    )
    BookFactory(title="Dune Messiah", authors=["Frank Herbert"], publication_year=1969)
    fantasy = Genre.objects.create(slug="fantasy", name="Fantasy")
    BookGenre.objects.create(book=dune, genre=fantasy, share=1)
    return live_server.url


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are written for curl")
def test_every_example_answers_what_the_text_says(site: str) -> None:
    answers = []
    for block in blocks():
        # Each answer on a line of its own, but for the one that becomes the token.
        script = re.sub(r"^curl (.*)$", r"curl \1 --write-out '\\n'", block, flags=re.MULTILINE)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=os.environ | {"SITE": site},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (script, done.stderr)
        answers.append([json.loads(line) for line in done.stdout.splitlines()])
    [
        [list_, search, book, similar, authors, genres],
        [exact, near],
        [reader, stars, mine],
        [wrong],
    ] = answers
    assert [row["title"] for row in list_["results"]] == ["Dune"]
    assert search["reading"] == "dune messiah"
    assert [row["title"] for row in search["results"]] == ["Dune Messiah"]
    assert book["title"] == "Dune"
    assert similar == {"results": []}
    assert authors["results"][0]["books"] == 2
    assert [row["slug"] for row in genres["results"]] == ["fantasy"]
    assert (exact["match"], exact["book"]["title"]) == ("exact", "Dune")
    assert (near["match"], near["suggestions"][0]["title"]) == ("near_miss", "Dune Messiah")
    assert reader["username"] == "ada"
    assert stars["stars"] == Rating.objects.get(book=42).stars == 5
    assert [row["book"]["title"] for row in mine["results"]] == ["Dune Messiah"]
    assert (wrong["status"], list(wrong["errors"])) == (400, ["year_from"])
