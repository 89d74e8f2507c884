"""Covers that the site draws itself."""

from xml.etree import ElementTree

import pytest
from django.template import Context, Template
from django.urls import reverse

from catalog.models import Book
from catalog.placeholders import DESIGNS, WIDTH, draw_cover, fit, text_width, wrap
from catalog.templatetags.books import photo_url
from catalog.tests.factories import BookFactory

SVG = "{http://www.w3.org/2000/svg}"


def words_of(svg: str) -> str:
    root = ElementTree.fromstring(svg)
    return " ".join(" ".join(text.itertext()) for text in root.iter(f"{SVG}text"))


@pytest.mark.parametrize(
    "title",
    [
        "Dune",
        "<script>alert(1)</script>",
        "Tom & Jerry \"quoted\" 'single' ]]>",
        "\x00\x0b\ud800 control",
        "Pneumonoultramicroscopicsilicovolcanoconiosis",
        "word " * 200,
        "吾輩は猫である",
        "الف ليلة وليلة",
        "",
    ],
)
def test_any_title_gives_wellformed_svg(title):
    root = ElementTree.fromstring(draw_cover(title, title))
    assert root.tag == f"{SVG}svg"
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{name}" for name in ("svg", "g", "rect", "circle", "path", "text", "tspan")
    }


def test_title_and_author_are_on_the_cover():
    words = words_of(draw_cover("The Left Hand of Darkness", "Ursula K. Le Guin"))
    assert "The Left Hand of Darkness" in " ".join(words.split())
    assert "URSULA K. LE GUIN" in words


def test_the_same_title_always_looks_the_same_and_titles_differ():
    assert draw_cover("Emma", "Jane Austen") == draw_cover("Emma", "Jane Austen")
    assert len({draw_cover(f"Book {n}", "") for n in range(50)}) == 50


def test_every_design_is_met_among_a_hundred_titles():
    def shapes(svg: str) -> tuple[str, ...]:
        tags = [element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()]
        return tuple(tag for tag in tags if tag not in ("text", "tspan"))

    assert len({shapes(draw_cover(f"T{n}", "A")) for n in range(100)}) == len(DESIGNS)


def test_a_cover_needs_no_style_and_no_other_file():
    for n in range(20):
        svg = draw_cover(f"Book {n}", "Author")
        assert "style" not in svg
        assert "href" not in svg


@pytest.mark.parametrize("title", ["A Short History of Nearly Everything", "word " * 60, "x" * 300])
def test_lines_stay_within_their_box(title):
    size, lines = fit(title, 180, 160)
    assert len(lines) * size * 1.18 <= 160 + size
    # The last line may carry the ellipsis over the edge by its own width.
    assert all(text_width(line, size) <= 180 + text_width("…", size) for line in lines)
    assert WIDTH > 180


def test_lines_break_between_words_and_after_hyphens_only():
    assert wrap("Slaughterhouse-Five", 20, 215) == ["Slaughterhouse-", "Five"]
    assert wrap("Books 1-4", 20, 75) == ["Books", "1-4"]


def test_titles_without_spaces_are_set_large_where_their_script_breaks_anywhere():
    size, lines = fit("吾輩は猫である吾輩は猫である", 180, 160)
    assert size >= 28
    assert "".join(lines) == "吾輩は猫である吾輩は猫である"


@pytest.mark.django_db
def test_the_cover_is_served_as_an_image_that_may_be_kept(client):
    book = BookFactory(title="Dune", authors=["Frank Herbert", "Somebody Else"])
    address = reverse("placeholder_cover", args=[book.pk])
    response = client.get(address)
    assert response["Content-Type"] == "image/svg+xml"
    assert "max-age=86400" in response["Cache-Control"]
    assert "Cookie" not in response.get("Vary", "")
    assert "FRANK HERBERT" in words_of(response.content.decode())
    again = client.get(address, headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.django_db
def test_no_cover_for_unknown_or_hidden_books(client):
    hidden = BookFactory(is_hidden=True)
    for number in (hidden.pk, 999_999_999, 10**30):
        assert client.get(reverse("placeholder_cover", args=[number])).status_code == 404


@pytest.mark.django_db
def test_the_photograph_lies_over_the_drawn_cover():
    book = BookFactory(title="Dune", cover_url="https://images.gr-assets.com/books/1m/2.jpg")
    html = Template("{% load books %}{% cover book %}").render(Context({"book": book}))
    drawn, photo = html.index(f"/covers/{book.pk}.svg"), html.index(book.cover_url)
    assert drawn < photo
    assert html.count("width=") == html.count("height=") == html.count("<img") == 2
    assert 'alt="Cover of Dune"' in html


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://s.gr-assets.com/assets/nophoto/book/111x148.png",
        "https://images.gr-assets.com/nophoto/book/111x148.png",
        "https://images.gr-assets.com.evil.example/1.jpg",
        "http://images.gr-assets.com/1.jpg",
        "javascript:alert(1)",
    ],
)
def test_only_photographs_of_the_allowed_host_are_shown(address):
    assert photo_url(Book(cover_url=address)) == ""


def test_photographs_can_be_switched_off(settings):
    book = Book(cover_url="https://images.gr-assets.com/books/1m/2.jpg")
    assert photo_url(book) == book.cover_url
    settings.COVERS_ENABLED = False
    assert photo_url(book) == ""
