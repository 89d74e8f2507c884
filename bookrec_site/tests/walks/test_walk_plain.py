"""Without JavaScript, and in German: the same site."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from bookrec_site.tests.running_site import RunningSite
from bookrec_site.tests.walks.walking import (
    PASSWORD,
    Walker,
    button,
    give_stars,
    sign_up,
    stars_given,
)
from bookrec_site.tests.walks.window import PHONE, window

pytestmark = [pytest.mark.realdata, pytest.mark.browser]


@pytest.fixture
def plain(browser: Browser, goodbooks_site: RunningSite, database: object) -> Iterator[Walker]:
    """A reader whose browser runs no script."""
    with window(
        browser, goodbooks_site.url, Walker, viewport=PHONE, java_script_enabled=False
    ) as walker:
        walker.name, walker.database = "without-scripts", database
        yield walker
    assert walker.errors == []


def test_the_main_job_is_done_without_scripts(plain: Walker) -> None:
    page = plain.page
    page.goto("/account/signup/")
    sign_up(page, plain.name)
    for title in ("The Hobbit", "A Game of Thrones", "The Name of the Wind"):
        page.goto(plain.address_of(title))
        give_stars(page, title, 5)
    page.goto("/recommendations/")
    shown = page.get_by_role("main").get_by_role("heading", level=3).all_inner_texts()
    assert len(shown) == 10
    page.get_by_role("button", name=re.compile("^Not interested")).first.click()
    expect(page.get_by_role("link", name="Not interested: 1 book")).to_be_visible()
    assert (
        shown[0] not in page.get_by_role("main").get_by_role("heading", level=3).all_inner_texts()
    )
    page.goto("/dismissed/")
    undo = button(page, "Undo", shown[0])
    undo.click()
    expect(undo).to_have_count(0)
    page.goto("/recommendations/")
    assert page.get_by_role("main").get_by_role("heading", level=3).all_inner_texts() == shown
    page.goto("/my-books/")
    assert stars_given(page, "The Hobbit") == 5
    page.goto("/books/?q=Harry+Poter")
    expect(page.get_by_role("link", name=re.compile("Harry Potter")).first).to_be_visible()
    page.goto("/map/")
    expect(page.get_by_role("heading", name="The same books as lists")).to_be_visible()


@pytest.fixture
def german(browser: Browser, goodbooks_site: RunningSite, database: object) -> Iterator[Walker]:
    """A reader whose browser asks for German."""
    with window(browser, goodbooks_site.url, Walker, locale="de-DE") as walker:
        walker.name, walker.database = "liest-deutsch", database
        yield walker
    assert walker.errors == []


def test_the_site_speaks_german_to_who_asks_for_it(german: Walker) -> None:
    page = german.page
    page.goto("/account/signup/")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_label("Benutzername").fill(german.name)
    page.get_by_label("E-Mail").fill("liest-deutsch@example.org")
    page.get_by_label("Passwort").first.fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page).not_to_have_url(re.compile("/signup/"))
    page.goto(german.address_of("The Hobbit"))
    stars = page.get_by_role("button", name=re.compile("^5 Sterne")).first
    stars.click()
    expect(stars).to_have_attribute("aria-pressed", "true")
    page.goto("/recommendations/")
    assert page.get_by_role("main").get_by_role("heading", level=3).count() >= 10
    # Whoever reads German may still ask for English, and is understood from then on.
    page.get_by_role("button", name="English", exact=False).click()
    expect(page.locator("html")).to_have_attribute("lang", "en-gb")
    page.goto("/books/")
    expect(page.locator("html")).to_have_attribute("lang", "en-gb")
