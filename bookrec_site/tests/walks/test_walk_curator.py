"""A curator hides a book, makes one of two, chooses books by hand, and adds one that is new."""

from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from bookrec_site.tests.running_site import RunningSite
from bookrec_site.tests.walks.walking import CURATOR, PASSWORD, log_in_to_the_admin
from bookrec_site.tests.walks.window import window

pytestmark = [pytest.mark.browser]


class Reader:
    """Somebody else, who asks through the API."""

    def __init__(self, site: RunningSite, name: str) -> None:
        self.api = f"{site.url}/api/v1"
        login = {"username": name, "password": PASSWORD}
        self.ask("POST", "auth/signup/", json=login | {"email": f"{name}@example.org"})
        token = self.ask("POST", "auth/token/", json=login).json()["token"]
        self.headers = {"Authorization": f"Token {token}"}

    headers: dict[str, str] | None = None

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        answer = requests.request(
            method, f"{self.api}/{path}", headers=self.headers, timeout=60, **options
        )
        answer.raise_for_status()
        return answer

    def rate(self, book: int, stars: int = 5) -> None:
        self.ask("PUT", f"books/{book}/rating/", json={"stars": stars})

    def listed(self, k: int = 10) -> list[int]:
        found = self.ask("GET", "recommendations/", params={"k": k}).json()["results"]
        return [row["book"]["id"] for row in found]

    def found(self, text: str) -> list[int]:
        books = self.ask("GET", "books/", params={"search": text}).json()["results"]
        return [book["id"] for book in books]

    def book(self, book: int) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("GET", f"books/{book}/").json()
        return answer


@pytest.fixture
def desk(small_site: RunningSite, browser: Browser):
    """The curator's desk: a page of the administration."""
    with window(browser, small_site.url) as seen:
        log_in_to_the_admin(seen.page, CURATOR)
        yield seen.page
    assert seen.errors == []


def most_read(site: RunningSite, n: int) -> list[dict[str, Any]]:
    answer = requests.get(f"{site.url}/api/v1/books/", params={"page_size": n}, timeout=60)
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_a_hidden_book_is_gone_for_others_at_the_next_request(
    small_site: RunningSite, desk: Page, browser: Browser
) -> None:
    reader = Reader(small_site, "rita")
    for book in most_read(small_site, 3):
        reader.rate(book["id"])
    book = reader.book(reader.listed()[0])
    assert book["id"] in reader.found(book["title"])

    choose(desk, book["title"], book["id"], "Hide the chosen books")
    expect(desk.get_by_role("heading", name="Hide 1 books?")).to_be_visible()
    desk.get_by_label("Reason").fill("A walk")
    desk.get_by_role("button", name="Yes, do it").click()
    expect(desk.get_by_text("1 of 1 books hidden.")).to_be_visible()

    assert book["id"] not in reader.listed(100)
    assert book["id"] not in reader.found(book["title"])
    for path in (f"books/{book['id']}/", f"books/{book['id']}/similar/"):
        assert requests.get(f"{small_site.url}/api/v1/{path}", timeout=60).status_code == 404
    with window(browser, small_site.url) as stranger:
        answer = stranger.page.goto(f"/books/{book['id']}/")
        assert answer is not None
        assert answer.status == 404
        stranger.page.goto(f"/books/?q={book['title']}")
        expect(stranger.page.locator(f'a[href="/books/{book["id"]}/"]')).to_have_count(0)

    desk.goto(f"/admin/catalog/curationchange/?book__id__exact={book['id']}")
    desk.locator("input.action-select").first.check()
    desk.get_by_label("Action:").select_option(label="Undo the chosen changes")
    desk.locator("button[name=index]").click()
    desk.get_by_role("button", name="Yes, do it").click()
    expect(desk.get_by_text("1 of 1 changes undone.")).to_be_visible()
    assert book["id"] == reader.listed()[0]


def test_two_books_become_one_and_two_again(small_site: RunningSite, desk: Page) -> None:
    reader = Reader(small_site, "mia")
    *_others, stays, goes = most_read(small_site, 30)
    reader.rate(goes["id"], 4)

    desk.goto(f"/admin/ratings/bookmerge/compare/?first={stays['id']}&second={goes['id']}")
    desk.get_by_role("button", name=f"Merge book {goes['id']} into this one").click()
    expect(desk.get_by_text("It can be undone for 30 days.")).to_be_visible()

    assert reader.ask("GET", f"books/{stays['id']}/rating/").json()["stars"] == 4
    assert goes["id"] not in reader.found(goes["title"])
    old = requests.get(
        f"{small_site.url}/api/v1/books/{goes['id']}/", allow_redirects=False, timeout=60
    )
    assert old.status_code == 308
    assert old.headers["Location"].endswith(f"/api/v1/books/{stays['id']}/")
    merge = desk.url
    desk.goto(f"/books/{goes['id']}/")
    expect(desk).to_have_url(f"{small_site.url}/books/{stays['id']}/")

    desk.goto(f"{merge.removesuffix('change/')}undo/")
    desk.locator("#content").get_by_role("button").first.click()
    expect(desk.get_by_text("is a book of its own again.")).to_be_visible()
    assert reader.ask("GET", f"books/{goes['id']}/rating/").json()["stars"] == 4
    missing = requests.get(
        f"{reader.api}/books/{stays['id']}/rating/", headers=reader.headers, timeout=60
    )
    assert missing.status_code == 404


def test_a_pinned_list_is_on_the_home_page(
    small_site: RunningSite, desk: Page, browser: Browser
) -> None:
    books = most_read(small_site, 2)
    desk.goto("/admin/catalog/editoriallist/add/")
    desk.get_by_label("Title:", exact=True).fill("Read in one night")
    desk.get_by_label("Is pinned").check()
    for place, book in enumerate(books):
        desk.locator(f"#entries-{place} .select2-selection").click()
        desk.locator(".select2-search__field").fill(book["title"])
        desk.locator(".select2-results__option", has_text=book["title"]).first.click()
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_text("was added successfully")).to_be_visible()

    with window(browser, small_site.url) as guest:
        guest.page.goto("/")
        guest.page.get_by_role("link", name="Read in one night").first.click()
        for book in books:
            expect(guest.page.get_by_role("link", name=book["title"]).first).to_be_visible()


def test_a_new_book_is_recommended_to_who_likes_its_author(
    small_site: RunningSite, desk: Page
) -> None:
    reader = Reader(small_site, "nora")
    liked = next(book for book in most_read(small_site, 20) if book["genres"])
    reader.rate(liked["id"])
    assert reader.found("The Book That Came Yesterday") == []

    desk.goto("/admin/catalog/book/add/")
    desk.get_by_label("Title:", exact=True).fill("The Book That Came Yesterday")
    desk.get_by_label("Authors").fill(liked["authors"][0]["name"])
    desk.get_by_label("Genres").select_option(index=0)
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_text("was added successfully")).to_be_visible()

    [new] = reader.found("The Book That Came Yesterday")
    assert new in reader.listed()


def choose(desk: Page, title: str, book: int, action: str) -> None:
    desk.goto(f"/admin/catalog/book/?q={title}")
    desk.locator(f'input.action-select[value="{book}"]').check()
    desk.get_by_label("Action:").select_option(label=action)
    desk.locator("button[name=index]").click()
