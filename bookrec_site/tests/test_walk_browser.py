"""The main job as a reader does it: in a real browser, on the real data."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from bookrec_site.tests.running_site import RunningSite
from bookrec_site.tests.test_walk_http import FANTASY

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


def shoot(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    page.set_viewport_size(PHONE)
    page.screenshot(path=folder / f"{name}-phone.png", full_page=True)
    # Nothing sticks out of a phone's screen.
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], f"{name} is {width} px wide on a phone"
    page.set_viewport_size(DESKTOP)


def listed(page: Page) -> list[str]:
    return page.locator("ol.rows .row-title").all_inner_texts()


def test_a_newcomer_signs_up_rates_and_gets_ten(page: Page, screenshots: Path) -> None:
    page.goto("/")
    shoot(page, screenshots, "home-guest")
    page.get_by_role("link", name="Sign up").first.click()
    shoot(page, screenshots, "signup")
    page.get_by_label("Username").fill("newcomer")
    page.get_by_label("E-mail").fill("newcomer@example.org")
    page.get_by_label("Password").first.fill("reads in a browser")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("button", name="Log out")).to_be_attached()
    shoot(page, screenshots, "home-newcomer")

    for title in FANTASY:
        page.goto("/books/")
        search = page.get_by_role("searchbox").last
        search.fill(title)
        search.press("Enter")
        page.get_by_role("link", name=title, exact=True).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        page.get_by_role("button", name=re.compile(r"^5 stars")).first.click()
        expect(page.get_by_role("button", name=re.compile(r"^5 stars")).first).to_have_attribute(
            "aria-pressed", "true"
        )
    shoot(page, screenshots, "book")

    page.get_by_role("link", name="For you").click()
    first = listed(page)
    assert len(first) == len(set(first)) == 10
    assert not set(first) & set(FANTASY)
    assert page.locator("ol.rows .reasons").count() == 10
    shoot(page, screenshots, "recommendations")

    # Rate the third of the ten in its place: the next list has changed without it.
    row = page.locator("ol.rows > li").nth(2)
    row.get_by_role("button", name=re.compile(r"^4 stars")).click()
    second = listed(page)
    assert len(second) == 10
    assert first[2] not in second
    assert second != first

    # One more goes to the shelf, and off the list.
    page.locator("ol.rows > li").first.get_by_role("button", name=re.compile("read", re.I)).click()
    assert second[0] not in listed(page)
    page.get_by_role("link", name="To read").first.click()
    expect(page.get_by_role("link", name=second[0], exact=True).first).to_be_visible()
    shoot(page, screenshots, "to-read")

    page.get_by_role("link", name="Ratings", exact=True).click()
    expect(page.get_by_role("link", name=first[2], exact=True).first).to_be_visible()
    shoot(page, screenshots, "ratings")

    page.locator(".account-menu summary").click()
    page.get_by_role("button", name="Log out").click()
    page.goto("/recommendations/")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_browsing_and_searching_look_right(page: Page, screenshots: Path) -> None:
    page.goto("/books/")
    shoot(page, screenshots, "browse")
    page.goto("/books/?q=tolkien")
    expect(page.get_by_role("link", name="The Hobbit", exact=True).first).to_be_visible()
    shoot(page, screenshots, "search")
    page.goto("/books/?q=zzzzqqq")
    shoot(page, screenshots, "search-nothing")
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
