"""An operator starts runs, watches one, sees one refused, and goes back to an earlier one."""

import psycopg2
import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect

from bookrec_site.tests.running_site import RunningSite
from bookrec_site.tests.waiting import until
from bookrec_site.tests.walks.walking import OPERATOR, log_in_to_the_admin
from bookrec_site.tests.walks.window import window

pytestmark = [pytest.mark.browser]

# A full run of the small set, on a machine that does other things.
PATIENCE = 600_000


def test_runs_are_started_watched_refused_and_rolled_back(
    small_site: RunningSite, browser: Browser
) -> None:
    with window(browser, small_site.url) as seen:
        page = seen.page
        log_in_to_the_admin(page, OPERATOR)
        page.goto("/admin/recommender/trainingrun/")
        expect(page.get_by_role("link", name="Start a full run")).to_be_visible()
        expect_lists_of(small_site, 1)

        start(page)
        # The page renews itself while the run is under way.
        expect(status_of(page, 2)).to_have_text("active", timeout=PATIENCE)
        expect_lists_of(small_site, 2)
        page.goto("/admin/recommender/trainingrun/2/change/")
        for figure in ("NDCG@10 of newcomers", "Errors of the embeddings"):
            expect(page.get_by_role("img", name=figure)).to_be_visible()

        page.goto("/admin/recommender/trainingrun/compare/?first=1&second=2")
        expect(page.get_by_role("row", name="NDCG@10 with 3 ratings known")).to_be_visible()

        lose_every_third_rating(small_site)
        start(page)
        expect(status_of(page, 3)).to_have_text("rejected", timeout=PATIENCE)
        expect_lists_of(small_site, 2)
        page.goto("/admin/recommender/trainingrun/3/change/")
        expect(page.get_by_text("broken", exact=True).first).to_be_visible()

        page.goto("/admin/recommender/trainingrun/1/change/")
        page.get_by_role("link", name="Roll back to this run").click()
        page.get_by_role("button", name="Yes").click()
        expect(page.get_by_text("Run 1 is live again.")).to_be_visible()
        expect_lists_of(small_site, 1)

        def is_attended() -> bool:
            page.goto("/admin/operations/")
            return page.get_by_role("row", name="training 1").count() == 1

        # A page is not made anew by itself, and a busy machine's worker may answer it too late.
        until(is_attended)
    assert seen.errors == []


def start(page: Page) -> None:
    page.goto("/admin/recommender/trainingrun/")
    page.get_by_role("link", name="Start a full run").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("is queued.")).to_be_visible()


def status_of(page: Page, run: int) -> Locator:
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=str(run), exact=True))
    return row.locator(".field-status")


def expect_lists_of(site: RunningSite, run: int) -> None:
    """Wait until a stranger's list comes from a run, in every process of the site."""
    api = f"{site.url}/api/v1"
    books = requests.get(f"{api}/books/", timeout=30).json()["results"]
    asked = {"ratings": [{"book": book["id"], "stars": 5} for book in books[:3]]}

    def runs() -> set[int]:
        answers = [
            requests.post(f"{api}/recommendations/session/", json=asked, timeout=60)
            for _ in range(6)
        ]
        return {answer.json()["run"] for answer in answers}

    # The first request after a swap is still answered by the run before.
    until(lambda: runs() == {run})


def lose_every_third_rating(site: RunningSite) -> None:
    """What an import gone wrong does; the gate has a rule against it."""
    connection = psycopg2.connect(site.environment["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM ratings_rating WHERE id % 3 = 0")
    connection.close()
