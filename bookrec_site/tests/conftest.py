"""The walk's surroundings: the site on the real data, and a real browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from playwright.sync_api import Browser, expect, sync_playwright

from bookrec_site.tests.curators import staff
from bookrec_site.tests.running_site import (
    RunningSite,
    manage,
    run_module,
    scratch_database,
    served,
    site_environment,
    working,
)

# The world of two tastes, for pages that show lists.
from recommender.tests.conftest import artifacts, trained, two_tastes  # noqa: F401


@pytest.fixture(scope="session")
def goodbooks_site(tmp_path_factory) -> Iterator[RunningSite]:
    """goodbooks-10k imported, trained and served, once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("goodbooks-site")
    with scratch_database(f"test_bookrec_{os.getpid()}_goodbooks") as database_url:
        environment = site_environment(database_url, folder)
        manage(environment, "migrate", "--verbosity=0")
        manage(environment, "collectstatic", "--noinput", "--verbosity=0")
        manage(environment, "import_goodbooks", os.environ["GOODBOOKS_DIR"])
        run_module(environment, "bookrec_site.tests.lean_training")
        with served(environment, folder) as site, working(environment, folder):
            yield site


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; never missing in CI."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found:
        return found
    if os.environ.get("CI"):
        pytest.fail("no chromium: CI has to have one (apt-get install chromium)")
    pytest.skip("no chromium on this machine; set CHROMIUM to its path")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser for one module's tests: while it runs, Django sees a loop and asks no database."""
    # What is waited for, on a machine that does other things.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            # The sandbox of Chromium does not start for root, as which CI runs; the rest keeps
            # the browser from calling home.
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots() -> Path | None:
    """Where the browser tests leave pictures of whole pages, when SCREENSHOTS=1 asks for them."""
    if os.environ.get("SCREENSHOTS") != "1":
        return None
    folder = settings.LOCAL_DIR / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def curator(client):
    """A member of staff who may do everything in the catalogue, logged in."""
    names = Permission.objects.filter(content_type__app_label="catalog")
    return staff(client, *names.values_list("codename", flat=True))


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT
