"""The cast of the walks on the served site."""

import json
from collections.abc import Iterator

import psycopg2
import pytest
from playwright.sync_api import Browser

from bookrec_site.tests.running_site import RunningSite, run_module
from bookrec_site.tests.walks.inventory import GUEST
from bookrec_site.tests.walks.people import ALICE, BOB, CHARLIE, World
from bookrec_site.tests.walks.window import window

PASSWORD = "reads quite a lot"


@pytest.fixture(scope="session")
def world(goodbooks_site: RunningSite) -> World:
    """Alice, Bob and Charlie among the books of goodbooks-10k."""
    done = run_module(goodbooks_site.environment, "bookrec_site.tests.walks.people", PASSWORD)
    return World(**json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def cookies(browser: Browser, goodbooks_site: RunningSite, world: World) -> dict[str, object]:
    """What a browser holds that has logged in as each of the roles."""
    held: dict[str, object] = {GUEST: {"cookies": [], "origins": []}}
    for name in (ALICE, BOB, CHARLIE):
        with window(browser, goodbooks_site.url) as seen:
            seen.page.goto("/account/login/")
            seen.page.get_by_label("Username").fill(name)
            seen.page.get_by_label("Password").first.fill(PASSWORD)
            seen.page.get_by_role("main").get_by_role("button", name="Log in").click()
            seen.page.get_by_text("Log out").first.wait_for(state="attached")
            held[name] = seen.page.context.storage_state()
    return held


@pytest.fixture(scope="module")
def database(goodbooks_site: RunningSite) -> Iterator:
    """Look behind the site: a cursor on its database."""
    connection = psycopg2.connect(goodbooks_site.environment["DATABASE_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()
