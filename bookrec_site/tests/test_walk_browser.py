"""Pages that readers come to first, in a real browser on the real data; more in `walks`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from bookrec_site.tests.running_site import RunningSite

pytestmark = [pytest.mark.realdata, pytest.mark.browser]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, goodbooks_site: RunningSite, errors: list[str]) -> Iterator[Page]:
    """A desktop window without JavaScript help, whose errors fail the test at its end."""
    context = browser.new_context(base_url=goodbooks_site.url, viewport=DESKTOP)
    # The host of the covers is somebody else's; what the page looks like without it is ours.
    context.route(lambda url: not url.startswith(goodbooks_site.url), lambda route: route.abort())
    page = context.new_page()

    def note(message: ConsoleMessage) -> None:
        cover = "gr-assets" in message.location.get("url", "")
        if message.type == "error" and not cover:
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def fits(page: Page, folder: Path | None, name: str) -> None:
    if folder:
        page.screenshot(path=folder / f"{name}.png", full_page=True)
    page.set_viewport_size(PHONE)
    if folder:
        page.screenshot(path=folder / f"{name}-phone.png", full_page=True)
    # Nothing sticks out of a phone's screen.
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], f"{name} is {width} px wide on a phone"
    page.set_viewport_size(DESKTOP)


def test_browsing_and_searching_look_right(page: Page, screenshots: Path | None) -> None:
    page.goto("/books/")
    fits(page, screenshots, "browse")
    page.goto("/books/?q=tolkien")
    expect(page.get_by_role("link", name="The Hobbit", exact=True).first).to_be_visible()
    fits(page, screenshots, "search")
    page.goto("/books/?q=zzzzqqq")
    fits(page, screenshots, "search-nothing")
    expect(page.get_by_role("main")).to_contain_text(re.compile("no book", re.I))


def test_every_page_names_where_the_data_comes_from(page: Page) -> None:
    for address in ("/", "/books/", "/books/1/", "/account/login/", "/account/signup/"):
        page.goto(address)
        footer = page.get_by_role("contentinfo")
        expect(footer).to_contain_text("goodbooks-10k by Zygmunt Zając")
        expect(footer.get_by_role("link", name="CC BY-SA 4.0").first).to_have_attribute(
            "href", "https://creativecommons.org/licenses/by-sa/4.0/"
        )


def test_a_dead_cover_host_leaves_no_broken_picture(page: Page) -> None:
    page.goto("/books/1/")
    drawn = page.locator("img.drawn").first
    expect(drawn).to_be_visible()
    assert drawn.evaluate("picture => picture.complete && picture.naturalWidth > 0")
