"""A guest tries the site, stays, and is known better with every star."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from bookrec_site.tests.walks.walking import (
    Walker,
    button,
    give_stars,
    list_renewed,
    sign_up,
    stars_given,
    stars_of,
)

pytestmark = [pytest.mark.realdata, pytest.mark.browser]


def growing_list(page: Page) -> Locator:
    return page.get_by_role("region", name="Your ten, so far").get_by_role("heading", level=3)


def asked_for(page: Page) -> list[str]:
    """Return the titles that the page asks stars for."""
    asked = page.get_by_role("region", name="Which of these have you read?")
    return asked.get_by_role("heading", level=3).all_inner_texts()


def test_a_guest_tries_it_signs_up_and_keeps_the_stars(walker: Walker) -> None:
    page = walker.page
    page.goto("/")
    page.get_by_role("link", name=re.compile("without an account", re.I)).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Try it: no account needed")
    # What follows the heading may come later than it.
    page.wait_for_load_state()
    before = growing_list(page).all_inner_texts()
    assert len(before) == 10

    first, second = asked_for(page)[:2]
    give_stars(page, first, 5)
    expect(page.get_by_text("From your one rating, as of now.")).to_be_visible()
    once = growing_list(page).all_inner_texts()
    assert len(once) == 10
    assert once != before
    assert first not in once
    give_stars(page, second, 2)
    expect(page.get_by_text("From your 2 ratings, as of now.")).to_be_visible()

    page.get_by_role("link", name="Sign up to keep it").click()
    sign_up(page, walker.name)
    page.goto("/my-books/")
    assert stars_given(page, first) == 5
    assert stars_given(page, second) == 2


def test_a_newcomer_is_asked_for_five_and_the_list_follows_each(walker: Walker) -> None:
    page = walker.page
    page.goto("/account/signup/")
    sign_up(page, walker.name)
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Five books, and the list is yours")
    lists = [growing_list(page).all_inner_texts()]
    for n, title in enumerate(asked_for(page)[:5], start=1):
        give_stars(page, title, 5 if n % 2 else 3)
        expect(
            page.get_by_text("From your one rating" if n == 1 else f"From your {n} ratings")
        ).to_be_visible()
        lists.append(growing_list(page).all_inner_texts())
        assert title not in lists[-1]
    assert all(before != after for before, after in zip(lists, lists[1:], strict=False))
    expect(page.get_by_text("5 books rated: the list is yours")).to_be_visible()
    page.get_by_role("button", name="Done").first.click()
    # Home is now that of a reader: ten with their reasons.
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("Five books")
    page.goto("/recommendations/")
    assert page.get_by_role("list", name="Why it is here").count() == 10


def test_books_are_rated_and_put_away_in_their_place(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Hobbit", "A Game of Thrones", "The Name of the Wind"])
    page.goto("/recommendations/")
    shown = page.get_by_role("main").get_by_role("heading", level=3).all_inner_texts()
    assert len(shown) == len(set(shown)) == 10
    unwanted, read, waiting = shown[:3]

    with list_renewed(page):
        button(page, "Not interested", unwanted).click()
    expect(page.get_by_text(f"Not interested in {unwanted}.")).to_be_visible()
    with list_renewed(page):
        button(page, "Undo", unwanted).click()
    expect(button(page, "Not interested", unwanted)).to_be_visible()
    with list_renewed(page):
        button(page, "Not interested", unwanted).click()
    expect(button(page, "Undo", unwanted)).to_be_visible()

    # A double click is one rating.
    with list_renewed(page):
        stars_of(page, read).get_by_role("button", name=re.compile("^4 stars")).dblclick()
    expect(page.get_by_text(f"You gave {read} 4 stars.").first).to_be_visible()
    button(page, "To read", waiting).click()
    expect(page.get_by_text(f"{waiting} is on your to-read shelf.").first).to_be_visible()

    page.reload()
    again = page.get_by_role("main").get_by_role("heading", level=3).all_inner_texts()
    assert len(again) == 10
    assert not {unwanted, read, waiting} & set(again)
    page.goto("/dismissed/")
    expect(page.get_by_role("link", name=unwanted, exact=True).first).to_be_visible()
    page.goto("/my-books/?shelf=to_read")
    expect(page.get_by_role("link", name=waiting, exact=True).first).to_be_visible()


def test_a_click_on_a_list_as_it_comes_stays_on_the_page(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Hobbit", "A Game of Thrones", "The Name of the Wind"])
    page.goto("/recommendations/")
    unwanted = page.get_by_role("main").get_by_role("heading", level=3).first.inner_text()
    # As early as any click can come: nothing else runs between the new list and this.
    page.evaluate(
        """() => {
          const old = document.getElementById("list");
          new MutationObserver((_, observer) => {
            const list = document.getElementById("list");
            if (!list || list === old) return;
            observer.disconnect();
            const row = list.querySelector(".ranked");
            document.body.dataset.clickedOn = row.querySelector("h3").innerText;
            row.querySelector("button[name=stars][value='4']").click();
          }).observe(document.querySelector("main"), {childList: true, subtree: true});
        }"""
    )
    button(page, "Not interested", unwanted).click()
    body = page.locator("body[data-clicked-on]")
    expect(body).to_be_attached()
    read = body.get_attribute("data-clicked-on")
    expect(page.get_by_text(f"You gave {read} 4 stars.").first).to_be_visible()
    # The same page still, and not one that a form has opened.
    expect(body).to_be_attached()


def test_a_second_tab_does_not_bring_back_what_the_first_took_away(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Hobbit"])
    address = walker.address_of("The Hobbit")
    page.goto(address)
    other = page.context.new_page()
    other.goto(address)
    give_stars(page, "The Hobbit", 2)
    # What the second tab shows is old; its click still counts, once.
    give_stars(other, "The Hobbit", 4)
    page.reload()
    assert stars_given(page, "The Hobbit") == 4
    walker.database.execute(
        "SELECT count(*) FROM ratings_rating JOIN accounts_user ON accounts_user.id = user_id "
        "WHERE username = %s",
        [walker.name],
    )
    assert walker.database.fetchone() == (1,)
