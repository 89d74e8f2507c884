"""What only a real browser can say about the style sheet: covers whose photograph is missing."""

import base64
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.template import Context, Template
from playwright.sync_api import Browser, Page

from catalog.models import Book
from catalog.placeholders import draw_cover

pytestmark = pytest.mark.browser

PHOTO_URL = "https://images.gr-assets.com/books/1m/2.jpg"
# One red pixel.
RED = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser page without scripts and without a network, but for what `show` answers."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 300, "height": 400})
    yield context.new_page()
    context.close()


def show(page, *, cover_url: str, photo: bytes | None) -> bytes:
    """Show one cover on a page of the site's own style, and return a picture of it."""
    book = Book(pk=1, title="Dune", cover_url=cover_url)
    html = Template(
        '<!doctype html><link rel="stylesheet" href="/parts.css">'
        '{% load books %}<div class="row">{% cover book lazy=False %}</div>'
    ).render(Context({"book": book}))

    def answer(route) -> None:
        address = route.request.url
        if address.endswith("/parts.css"):
            route.fulfill(path=settings.BASE_DIR / "static/site/parts.css")
        elif address.endswith("/covers/1.svg"):
            route.fulfill(body=draw_cover("Dune", "Frank Herbert"), content_type="image/svg+xml")
        elif address == PHOTO_URL and photo:
            route.fulfill(body=photo, content_type="image/png")
        elif address == "http://site.test/":
            route.fulfill(body=html, content_type="text/html")
        else:
            route.abort("namenotresolved")

    page.unroute_all()
    page.route("**/*", answer)
    page.goto("http://site.test/", wait_until="load")
    return page.locator(".cover").screenshot()


def test_a_photograph_that_never_comes_leaves_the_drawn_cover_untouched(page):
    """No broken-image icon, no frame: pixel by pixel the cover of a book without photograph."""
    drawn = show(page, cover_url="", photo=None)
    assert show(page, cover_url=PHOTO_URL, photo=None) == drawn
    assert show(page, cover_url=PHOTO_URL, photo=b"no image at all") == drawn


def test_a_photograph_that_comes_covers_the_drawn_cover_whole(page):
    drawn = show(page, cover_url="", photo=None)
    shown = show(page, cover_url=PHOTO_URL, photo=RED)
    assert shown != drawn
    frame = page.locator(".cover").bounding_box()
    assert page.locator(".photo").bounding_box() == frame
