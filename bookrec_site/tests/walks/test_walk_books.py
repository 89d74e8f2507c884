"""Finding books: by misspelt words, on the map; and putting many in order at once."""

import re

import pytest
from playwright.sync_api import expect

from bookrec_site.tests.waiting import until
from bookrec_site.tests.walks.walking import Walker, give_stars, stars_given

_ALL_IN_SIGHT = """() => [...document.querySelectorAll("main nav [aria-current]")].every((on) => {
  const {left, right} = on.getBoundingClientRect();
  return left >= 0 && right <= document.documentElement.clientWidth;
})"""

pytestmark = [pytest.mark.realdata, pytest.mark.browser]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Harry Poter", re.compile("Harry Potter")),
        ("Tolkein", re.compile("Tolkien|The Hobbit")),
        ("murakmi kafka", re.compile("Kafka on the Shore")),
    ],
)
def test_a_search_forgives_typing_errors(walker: Walker, typed: str, meant: re.Pattern) -> None:
    page = walker.page
    page.goto("/books/")
    search = page.get_by_role("combobox", name=re.compile("Search")).first
    search.fill(typed)
    search.press("Enter")
    expect(page.get_by_role("main").get_by_role("link", name=meant).first).to_be_visible()


def test_books_are_offered_while_a_reader_types(walker: Walker) -> None:
    page = walker.page
    page.goto("/")
    search = page.get_by_role("combobox", name=re.compile("Search")).first
    search.press_sequentially("the hobb")
    offered = page.get_by_role("option", name=re.compile("The Hobbit")).first
    expect(offered).to_be_visible()
    offered.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("The Hobbit"))


def test_a_book_page_leads_on(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Fellowship of the Ring", "The Two Towers"])
    page.goto(walker.address_of("The Hobbit"))
    give_stars(page, "The Hobbit", 5)
    page.get_by_role("main").get_by_role("link", name="J.R.R. Tolkien").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("J.R.R. Tolkien")
    page.get_by_role("link", name="The Fellowship of the Ring").first.click()
    assert stars_given(page, "The Fellowship of the Ring") == 5


def test_many_books_are_changed_at_once(walker: Walker) -> None:
    page = walker.page
    titles = ["The Hobbit", "A Game of Thrones", "The Name of the Wind"]
    walker.log_in_as_reader_of(titles)
    page.goto("/my-books/")
    page.get_by_text("Change several books at once").click()
    for title in titles[:2]:
        page.get_by_label(f"Choose {title}", exact=True).check()
    page.get_by_label("New shelf").fill("With the children")
    page.get_by_role("button", name="Put on a new shelf").click()
    page.get_by_role("link", name=re.compile("^With the children")).first.click()
    expect(page.get_by_role("link", name=titles[0], exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name=titles[1], exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name=titles[2], exact=True)).to_have_count(0)


def test_what_is_chosen_in_a_row_that_scrolls_is_in_sight(walker: Walker) -> None:
    page = walker.page
    chosen = page.locator("main nav [aria-current]")

    def look_at(address: str, name: str) -> None:
        page.goto(address, wait_until="load")
        expect(chosen.filter(has_text=name)).to_have_count(1)
        page.wait_for_function(_ALL_IN_SIGHT)
        assert walker.layout_shifts() == []

    look_at("/?genre=young-adult", "Young adult")
    walker.log_in_as_reader_of(["The Hobbit"])
    look_at("/books/?genre=young-adult", "Young adult")
    look_at("/my-books/?shelf=to_read", "To read")
    look_at("/readers/like-me/", "Readers like you")


def test_the_map_is_drawn_flown_over_and_opens_books(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Hobbit", "Emma"])
    page.goto("/map/")
    expect(page.get_by_text("Drawing the map …")).to_be_hidden()
    stage = page.get_by_role("application", name="Map of books")
    # Dots of many genres, and their soft edges, on a ground of one colour.
    until(lambda: walker.colours(stage) > 100)
    overview = stage.screenshot()
    expect(page.get_by_text("You have read it")).to_contain_text("(2)")

    search = page.get_by_role("combobox", name=re.compile("Search")).first
    search.press_sequentially("the hobb")
    page.get_by_role("option", name=re.compile("The Hobbit")).first.click()
    card = page.get_by_role("article")
    expect(card.get_by_role("link", name=re.compile("The Hobbit"))).to_be_visible()
    expect(
        page.get_by_role("list", name="Nearest on the map").get_by_role("listitem").first
    ).to_be_visible()
    assert stage.screenshot() != overview
    stage.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The Hobbit")
