"""An account from the first mail to its end, and what others see of it meanwhile."""

import re

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import Browser, Page, expect

from bookrec_site.tests.running_site import RunningSite
from bookrec_site.tests.walks.walking import PASSWORD, Walker, log_in, sign_up
from bookrec_site.tests.walks.window import window

pytestmark = [pytest.mark.realdata, pytest.mark.browser]


def link_of_last_mail(site: RunningSite, to: str) -> str:
    """Return the link in the newest mail to an address, as its reader would press it."""
    mails = sorted(site.mails.glob("*.log"), key=lambda path: path.stat().st_mtime)
    [mail, *_] = [text for path in reversed(mails) if to in (text := path.read_text())]
    [link] = re.findall(r"http://\S+", mail.replace("=\n", ""))[-1:]
    return link


def confirm_address(page: Page, site: RunningSite, address: str) -> None:
    page.goto(link_of_last_mail(site, address))
    page.get_by_role("button", name="Yes, confirm it").click()
    expect(page).to_have_url(f"{site.url}/account/email/")


def test_an_address_is_confirmed_and_a_lost_password_replaced(
    walker: Walker, goodbooks_site: RunningSite
) -> None:
    page = walker.page
    page.goto("/account/signup/")
    sign_up(page, walker.name)
    mail = f"{walker.name}@example.org"
    confirm_address(page, goodbooks_site, mail)
    expect(page.get_by_role("main")).to_contain_text(re.compile("confirmed", re.I))

    page.context.clear_cookies()
    page.goto("/account/login/")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("E-mail").fill(mail)
    page.get_by_role("main").get_by_role("button").first.click()
    # The mail is written before the answer.
    expect(page).to_have_url(f"{goodbooks_site.url}/account/password/reset/done/")
    page.goto(link_of_last_mail(goodbooks_site, mail))
    for field in page.get_by_label(re.compile("New password")).all():
        field.fill("reads even more now")
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page).to_have_url(f"{goodbooks_site.url}/account/password/reset/key/done/")
    page.context.clear_cookies()
    log_in(page, walker.name, "reads even more now")


def test_a_second_step_is_turned_on_and_asked_for(
    walker: Walker, goodbooks_site: RunningSite
) -> None:
    page = walker.page
    page.goto("/account/signup/")
    sign_up(page, walker.name)
    confirm_address(page, goodbooks_site, f"{walker.name}@example.org")
    page.goto("/account/two-step/")
    page.get_by_role("link", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    secret = page.locator("code.key").inner_text()

    def code(step: int) -> str:
        """Return the code of this half-minute, 1, or of the next, 2; both are good in the next."""
        counter = list(yield_hotp_counters_from_time())[step]
        return format_hotp_value(hotp_value(secret, counter))

    page.get_by_role("main").get_by_role("textbox").fill(code(1))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_text("Two-step log-in is on.").first).to_be_visible()
    assert walker.violations() == []
    page.context.clear_cookies()
    page.goto("/account/login/")
    page.get_by_label("Username").fill(walker.name)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="The second step")).to_be_visible()
    assert walker.violations() == []
    page.get_by_role("main").get_by_role("textbox").fill(code(2))
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Account menu:")).to_be_attached()


def test_others_see_what_the_reader_shows(
    walker: Walker, browser: Browser, goodbooks_site: RunningSite
) -> None:
    page = walker.page
    saved = "Saved. That is what others see of you from now on."
    walker.log_in_as_reader_of(["The Hobbit"])
    with window(browser, goodbooks_site.url) as other:
        profile = f"/readers/{walker.name}/"
        assert other.page.goto(profile).status == 404
        page.goto("/account/")
        for switch in page.get_by_role("main").get_by_role("checkbox").all()[:2]:
            switch.check()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text(saved)).to_be_visible()
        assert other.page.goto(profile).status == 200
        expect(other.page.get_by_role("link", name="The Hobbit").first).to_be_visible()
        page.goto("/account/")
        page.get_by_role("main").get_by_role("checkbox").first.uncheck()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text(saved)).to_be_visible()
        assert other.page.goto(profile).status == 404
        assert goodbooks_site.url in other.page.url


def test_a_deleted_account_is_gone(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Hobbit"])
    walker.database.execute("SELECT id FROM accounts_user WHERE username = %s", [walker.name])
    [reader] = walker.database.fetchone()
    page.goto("/account/data/")
    danger = page.get_by_role("button", name="Delete my account")
    page.get_by_label("Password").first.fill("not the password")
    danger.click()
    expect(page.get_by_text("That is not your password.")).to_be_visible()
    page.get_by_label("Password").first.fill(PASSWORD)
    danger.click()
    expect(page.get_by_text("Your account and everything in it are gone.")).to_be_visible()
    page.goto("/account/login/")
    page.get_by_label("Username").fill(walker.name)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_text("That name and password do not go together.")).to_be_visible()
    # Whatever table points at readers, no row of it points at this one.
    walker.database.execute(
        "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c JOIN pg_attribute a "
        "ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] "
        "WHERE c.contype = 'f' AND c.confrelid = 'accounts_user'::regclass"
    )
    pointing = walker.database.fetchall()
    assert len(pointing) > 8
    for table, column in [*pointing, ("accounts_user", "id")]:
        walker.database.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [reader])
        assert walker.database.fetchone() == (0,), table


def test_a_double_click_makes_one_token(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Hobbit"])
    page.goto("/account/tokens/")
    page.get_by_label("Name").fill("clicked twice")
    page.get_by_role("button", name="Make a token").dblclick()
    expect(page.get_by_text("clicked twice").first).to_be_visible()
    walker.database.execute(
        "SELECT count(*) FROM accounts_api_token token JOIN accounts_user reader"
        " ON reader.id = token.user_id WHERE reader.username = %s AND token.name = %s",
        [walker.name, "clicked twice"],
    )
    assert walker.database.fetchone() == (1,)


def test_a_page_that_outlives_its_session_says_what_helps(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Hobbit"])
    page.goto(walker.address_of("Emma"))
    page.context.clear_cookies()
    page.get_by_role("button", name=re.compile("^5 stars")).first.click()
    expect(page.locator("#messages")).to_contain_text("please load the page again")
    assert [error for error in walker.errors if "403" not in error] == []
    walker.errors.clear()
