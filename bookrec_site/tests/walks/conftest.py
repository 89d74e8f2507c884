"""The cast of the walks on the served site."""

import json
import os
from collections.abc import Iterator

import psycopg2
import pytest
from playwright.sync_api import Browser

from bookrec_site.tests.running_site import (
    RunningSite,
    manage,
    run_module,
    scratch_database,
    served,
    site_environment,
    working,
)
from bookrec_site.tests.walks.inventory import GUEST
from bookrec_site.tests.walks.people import ALICE, BOB, CHARLIE, World
from bookrec_site.tests.walks.walking import CURATOR, OPERATOR, PASSWORD, Walker, log_in
from bookrec_site.tests.walks.window import DESKTOP, PHONE, window
from catalog.builtin.generate import write_builtin_dataset


@pytest.fixture(scope="session")
def world(goodbooks_site: RunningSite) -> World:
    """Alice, Bob and Charlie among the books of goodbooks-10k."""
    done = run_module(goodbooks_site.environment, "bookrec_site.tests.walks.people", PASSWORD)
    return World(**json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """The built-in set with one quick run live, a worker that trains, a curator and an operator."""
    folder = tmp_path_factory.mktemp("small-site")
    write_builtin_dataset(folder / "data", n_readers=250)
    with scratch_database(f"test_bookrec_{os.getpid()}_small") as database_url:
        environment = site_environment(database_url, folder, OMP_NUM_THREADS="1")
        manage(environment, "migrate", "--verbosity=0")
        manage(environment, "collectstatic", "--noinput", "--verbosity=0")
        manage(environment, "import_goodbooks", str(folder / "data"))
        manage(environment, "train", "--kind", "quick")
        for name in (CURATOR, OPERATOR):
            run_module(environment, "bookrec_site.tests.walks.staff", name, PASSWORD, name)
        with served(environment, folder) as site, working(environment, folder, "training"):
            yield site


@pytest.fixture(scope="module")
def cookies(browser: Browser, goodbooks_site: RunningSite, world: World) -> dict[str, object]:
    """What a browser holds that has logged in as each of the roles."""
    held: dict[str, object] = {GUEST: {"cookies": [], "origins": []}}
    for name in (ALICE, BOB, CHARLIE):
        with window(browser, goodbooks_site.url) as seen:
            log_in(seen.page, name)
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


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def walker(
    request: pytest.FixtureRequest, browser: Browser, goodbooks_site: RunningSite, database: object
) -> Iterator[Walker]:
    """A reader of this walk alone, at a desk or with a phone; errors fail the walk at its end."""
    viewport = request.param
    with window(browser, goodbooks_site.url, Walker, viewport=viewport) as walker:
        _, _, walk = request.node.originalname.partition("test_")
        walker.name = f"{walk.replace('_', '-')[:24].strip('-')}-{viewport['width']}"
        walker.database = database
        yield walker
    assert walker.errors == []
    assert walker.foreign == []
