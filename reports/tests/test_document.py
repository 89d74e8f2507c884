"""The whole file, and the command that writes it."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.tests.factories import UserFactory
from ratings.tests.factories import RatingFactory, ShelfEntryFactory
from recommender.models import TrainingRun
from reports.document import make_document
from reports.tests.material import books

pytestmark = pytest.mark.django_db


class Page(HTMLParser):
    """What of a page matters to who cannot see it: its elements with their attributes, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_an_empty_site_has_a_report_that_says_what_is_missing() -> None:
    made = make_document()
    assert made.n_figures == 0
    for sentence in (
        "There are no ratings yet.",
        "There are no readers yet.",
        "No training run has ended yet.",
        "No run is active: nothing has been trained yet.",
    ):
        assert sentence in made.html


def test_the_file_is_whole_and_within_reach(trained) -> None:
    made = make_document()
    page = Page(made.html)
    figures = page.all("figure")
    assert len(figures) == made.n_figures == 9
    assert len(page.all("table")) == len(figures) == len(page.all("figcaption"))
    images = [element for element in page.all("div") if element.get("role") == "img"]
    assert len(images) == len(page.all("svg"))
    assert all(len(image["aria-label"] or "") > 20 for image in images)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for attributes in page.all("a")]
    assert links
    assert all((link or "")[1:] in ids for link in links)
    run = TrainingRun.objects.get(status="active")
    assert f"Active run: {run.pk} (lists only)" in "".join(page.text)


def test_nothing_is_asked_of_anybody_and_nothing_runs(trained) -> None:
    html = make_document().html
    page = Page(html)
    assert not page.all("script") + page.all("link") + page.all("iframe")
    attributes = [a for _, a in page.elements]
    assert not any(name.startswith("on") for found in attributes for name in found)
    addresses = set(re.findall(r"https?://[^\"' <]+", html))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    [policy] = [m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in (policy["content"] or "")


def test_a_title_is_no_markup_and_no_reader_is_named() -> None:
    [book] = books("<script>alert(1)</script> $x$")
    alice = UserFactory(username="alice", email="alice@example.org", first_name="Alicia")
    RatingFactory(user=alice, book=book, stars=1)
    ShelfEntryFactory(user=alice, book=books("Other")[0])
    html = make_document().html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    for name in ("alice", "Alicia"):
        assert name not in html


def test_the_command_writes_the_file_and_says_how_long_it_took(tmp_path: Path, capsys) -> None:
    out = tmp_path / "new" / "report.html"
    call_command("report", str(out), "--verbosity", "2")
    said = capsys.readouterr().out
    assert out.read_text().startswith("<!doctype html>")
    assert f"{out}: 0 figures" in said
    assert "Ratings: 0.0 s" in said


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is a folder; name a file"):
        call_command("report", str(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("report", str(tmp_path / "file" / "report.html"))
