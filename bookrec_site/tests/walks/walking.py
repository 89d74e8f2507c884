"""What readers do on many walks, in the words that they see."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import requests
from playwright.sync_api import Locator, Page, expect

from bookrec_site.tests.walks.window import Window

PASSWORD = "reads quite a lot"
# Named like their roles.
CURATOR, OPERATOR = "curator", "operator"


class Walker(Window):
    """A reader of one walk: a window, a name of their own, and the site's database behind it."""

    name: str
    database: Any

    def log_in_as_reader_of(self, titles: Sequence[str], stars: int = 5) -> None:
        """Make an account that gave the most read books of these titles stars, and log in."""
        api = f"{self.site}/api/v1"
        login = {"username": self.name, "password": PASSWORD}
        requests.post(
            f"{api}/auth/signup/", json=login | {"email": f"{self.name}@example.org"}, timeout=30
        ).raise_for_status()
        token = requests.post(f"{api}/auth/token/", json=login, timeout=30).json()["token"]
        for title in titles:
            requests.put(
                f"{api}{self.address_of(title)}rating/",
                json={"stars": stars},
                headers={"Authorization": f"Token {token}"},
                timeout=30,
            ).raise_for_status()
        log_in(self.page, self.name)

    def address_of(self, title: str) -> str:
        """Return the address of the most read book of that title."""
        self.database.execute(
            "SELECT id FROM catalog_book WHERE title = %s ORDER BY ratings_count DESC LIMIT 1",
            [title],
        )
        [book] = self.database.fetchone()
        return f"/books/{book}/"


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/account/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").first.fill(password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Account menu:")).to_be_attached()


def log_in_to_the_admin(page: Page, name: str) -> None:
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_label("Password").first.press("Enter")
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()


def sign_up(page: Page, name: str) -> None:
    """Fill the form of sign-up that is shown."""
    page.get_by_label("Username").fill(name)
    page.get_by_label("E-mail").fill(f"{name}@example.org")
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("Account menu:")).to_be_attached()


def button(page: Page | Locator, action: str, title: str) -> Locator:
    """Return the button that does something to a book, wherever on the page it is first."""
    # The title is heard and not seen, and set apart by a space.
    name = re.compile(rf"^{re.escape(action)}\s*: {re.escape(title)}$")
    return page.get_by_role("button", name=name).first


@contextmanager
def list_renewed(page: Page) -> Iterator[None]:
    """Have the opinion of the block answered, and the list that it makes anew stand there.

    A button that is taken away between a press and its end is not clicked.
    """
    page.evaluate("document.getElementById('list').dataset.before = 'yes'")
    yield
    expect(page.locator("#list:not([data-before])")).to_be_attached()


def stars_of(page: Page, title: str) -> Locator:
    """Return the row of stars of a book, wherever on the page it is first."""
    return page.get_by_role("group", name=f"Your stars for {title}", exact=True).first


def give_stars(page: Page, title: str, stars: int) -> None:
    star = stars_of(page, title).get_by_role("button", name=re.compile(rf"^{stars} star"))
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")


def stars_given(page: Page, title: str) -> int:
    """Return how many stars the page shows that the reader gave."""
    pressed = stars_of(page, title).get_by_role("button", pressed=True)
    return int(pressed.inner_text().split()[0])
