"""The examples of docs/api.md do what it says."""

import json
import os
import re
import shutil
import subprocess

import pytest
from django.conf import settings

from catalog.curation.lists import save_list
from catalog.models import Author, BookGenre, Genre, Series, Volume
from catalog.tests.factories import BookFactory
from ratings.models import Rating

# Their examples are run by `test_api_examples_jobs`.
JOBS = ("A library brought along", "Everything taken along", "Training runs, for operators")


def blocks() -> dict[str, list[str]]:
    """Return the examples by the heading of the section that they are in."""
    text = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
    sections = (part.partition("\n") for part in re.split(r"^## ", text, flags=re.MULTILINE))
    return {
        heading: re.findall(r"```sh\n(.*?)```", body, re.DOTALL) for heading, _, body in sections
    }


@pytest.fixture
def site(live_server, artifacts) -> str:
    Author.objects.create(pk=7, name="Frank Herbert")
    dune = BookFactory(
        pk=42,
        title="Dune",
        authors=["Frank Herbert"],
        publication_year=1965,
        ratings_count=500,
    )
    messiah = BookFactory(title="Dune Messiah", authors=["Frank Herbert"], publication_year=1969)
    Volume.objects.create(book=messiah, series=Series.objects.create(pk=3, name="Dune"), label="2")
    fantasy = Genre.objects.create(slug="fantasy", name="Fantasy")
    BookGenre.objects.create(book=dune, genre=fantasy, share=1)
    save_list(None, {"title": "On sand"}, [dune.pk], by=None)
    return live_server.url


@pytest.mark.skipif(
    shutil.which("curl") is None and not os.environ.get("CI"),
    reason="the examples are written for curl",
)
def test_every_example_answers_what_the_text_says(site: str) -> None:
    answers = []
    for block in (b for heading, found in blocks().items() if heading not in JOBS for b in found):
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
        [list_, search, book, similar, popular, new, trending, chosen, *names],
        [exact, near],
        [reader, stars, mine],
        [account, changed, address, kept, made, tokens],
        [wrong],
    ] = answers
    authors, genres, author, series = names
    assert [row["title"] for row in list_["results"]] == ["Dune"]
    assert search["reading"] == "dune messiah"
    assert [row["title"] for row in search["results"]] == ["Dune Messiah"]
    assert book["title"] == "Dune"
    assert similar == {"results": []}
    assert [row["title"] for row in popular["results"]] == ["Dune"]
    assert [row["title"] for row in new["results"]] == ["Dune Messiah", "Dune"]
    assert trending["results"] == []
    assert [(row["title"], row["n_books"]) for row in chosen["results"]] == [("On sand", 1)]
    assert authors["results"][0]["books"] == 2
    assert (author["name"], author["books"]) == ("Frank Herbert", 2)
    assert [row["book"]["title"] for row in series["results"]] == ["Dune Messiah"]
    assert [row["slug"] for row in genres["results"]] == ["fantasy"]
    assert (exact["match"], exact["book"]["title"]) == ("exact", "Dune")
    assert (near["match"], near["suggestions"][0]["title"]) == ("near_miss", "Dune Messiah")
    assert reader["username"] == "ada"
    assert stars["stars"] == Rating.objects.get(book=42).stars == 5
    assert [row["book"]["title"] for row in mine["results"]] == ["Dune Messiah"]
    assert (account["profile_is_public"], changed["profile_is_public"]) == (False, True)
    assert (address["email"], address["waiting"]) == ("ada@example.org", "lovelace@example.org")
    assert (kept["email"], kept["waiting"]) == ("ada@example.org", None)
    assert (made["scope"], made["name"]) == ("read", "e-ink frame")
    assert [row["name"] for row in tokens["results"]] == ["e-ink frame", "laptop", ""]
    assert (wrong["status"], list(wrong["errors"])) == (400, ["year_from"])
