"""What is done with a list comes back to the site, and only where the reader lets it."""

import re

import pytest
from playwright.sync_api import Locator, Request, expect

from bookrec_site.tests.waiting import until
from bookrec_site.tests.walks.walking import Walker, give_stars, list_renewed, stars_of

pytestmark = [pytest.mark.realdata, pytest.mark.browser]

LOVED = ["The Hobbit", "A Game of Thrones", "The Name of the Wind"]


def is_events(request: Request) -> bool:
    return request.url.endswith("/api/v1/events/")


def book_of(link: Locator) -> int:
    """Return the book that a link leads to."""
    [book] = re.findall(r"^/books/(\d+)/$", link.get_attribute("href") or "")
    return int(book)


def events_of(walker: Walker, kind: str) -> list[tuple[int, str, int, int]]:
    """Return (book, surface, place, stars) of the walker's events of a kind, by place."""
    walker.database.execute(
        "SELECT book_id, surface, position, coalesce(stars, 0) FROM recommender_feedbackevent e "
        "JOIN accounts_user u ON u.id = e.reader_id "
        "WHERE u.username = %s AND kind = %s ORDER BY e.id",
        [walker.name, kind],
    )
    return walker.database.fetchall()


def until_known(walker: Walker, kind: str, book: int) -> None:
    """Wait until the site knows of an event: an answer that outlives its page is seen by nobody."""

    def is_known() -> bool:
        # While nobody asks the browser anything, its requests wait for this process.
        walker.page.context.cookies()
        return book in [known for known, *_ in events_of(walker, kind)]

    until(is_known)


def test_a_book_that_is_seen_and_opened_from_the_list_is_known(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(LOVED)
    page.goto("/recommendations/")
    links = page.get_by_role("main").get_by_role("heading", level=3).get_by_role("link")
    link = links.nth(1)
    book = book_of(link)
    # Seen without being touched.
    until_known(walker, "shown", book_of(links.first))
    link.click()
    # No parameter, no detour: the address that is shared is the book's own.
    expect(page).to_have_url(f"{walker.site}/books/{book}/")
    until_known(walker, "clicked", book)
    assert events_of(walker, "clicked") == [(book, "list", 2, 0)]
    until_known(walker, "shown", book)
    seen = events_of(walker, "shown")
    assert (book, "list", 2, 0) in seen
    assert {surface for _book, surface, _place, _stars in seen} <= {"list", "similar", "also_loved"}


def test_a_book_that_is_rated_in_the_list_counts_and_its_undo_too(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(LOVED)
    page.goto("/recommendations/")
    third = page.get_by_role("main").get_by_role("heading", level=3).nth(2)
    title, book = third.inner_text(), book_of(third.get_by_role("link"))
    four = stars_of(page, title).get_by_role("button", name="4 stars").first
    with list_renewed(page):
        four.click()
    expect(page.get_by_text(f"You gave {title} 4 stars.").first).to_be_visible()
    assert events_of(walker, "rated") == [(book, "list", 3, 4)]
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text(f"You gave {title} 4 stars.")).to_have_count(0)
    assert events_of(walker, "rated") == []


def test_a_row_of_the_home_page_is_rated_in_its_place(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of([*LOVED, "Dune", "Emma"])
    page.goto("/")
    title = page.get_by_role("main").get_by_role("heading", level=3).first.inner_text()
    give_stars(page, title, 5)
    [(_book, surface, place, stars)] = events_of(walker, "rated")
    assert (surface, place, stars) == ("home", 1, 5)
    # A change of mind is the same rating.
    give_stars(page, title, 3)
    assert [stars for *_, stars in events_of(walker, "rated")] == [3]


def test_who_asks_not_to_be_tracked_is_left_alone(walker: Walker) -> None:
    page = walker.page
    told: list[Request] = []
    page.on("request", lambda request: told.append(request) if is_events(request) else None)
    page.context.set_extra_http_headers({"Sec-GPC": "1"})
    walker.log_in_as_reader_of(LOVED)
    page.goto("/recommendations/")
    first = page.get_by_role("main").get_by_role("heading", level=3).first
    expect(page.locator("[data-list]")).to_have_count(0)
    first.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/books/\d+/$"))
    page.goto("/recommendations/")
    title = first.inner_text()
    page.get_by_role("group", name=f"Your stars for {title}", exact=True).get_by_role(
        "button", name="5 stars"
    ).first.click()
    expect(page.get_by_text(f"You gave {title} 5 stars.").first).to_be_visible()
    assert told == []
    assert events_of(walker, "shown") == events_of(walker, "rated") == []
