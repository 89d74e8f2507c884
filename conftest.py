"""Real PostgreSQL and Redis for every test session, started when nobody else did."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.conf import settings

from bookrec_site.embedded.commands import missing_services, services
from bookrec_site.embedded.errors import EmbeddedServiceError
from bookrec_site.tests.isolation import (
    begin_at_the_same_ids,
    drop_abandoned_databases,
    use_own_postgres_database,
    use_own_redis_database,
    wait_for_redis,
)
from bookrec_site.tests.sharing_out import ByFile, arrange, tell_apart

_PIECES = pytest.StashKey[Path]()


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    stack = ExitStack()
    try:
        stack.enter_context(services(settings.LOCAL_DIR))
    except EmbeddedServiceError as error:
        raise pytest.UsageError(str(error)) from error
    # After pytest's own session fixtures, which still drop their database.
    session.config.add_cleanup(stack.close)
    stack.callback(shutil.rmtree, settings.METRICS_DIR, ignore_errors=True)
    if session.config.option.dist != "no":
        # This process shares tests out to others, of which each comes by here too.
        if "redis" not in missing_services():
            raise pytest.UsageError("Processes of -n would share one Redis: unset REDIS_URL.")
        return
    if "postgres" in missing_services():
        drop_abandoned_databases(settings.LOCAL_DIR)
        if not session.config.getoption("reuse_db"):
            use_own_postgres_database(settings)
    if "redis" in missing_services():
        use_own_redis_database(settings, settings.LOCAL_DIR)
    wait_for_redis(settings)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the real data where it is not; CI has to have it."""
    if item.get_closest_marker("realdata") is None:
        return
    folder = os.environ.get("GOODBOOKS_DIR", "")
    if folder and (Path(folder) / "ratings.csv").is_file():
        return
    reason = (
        f"GOODBOOKS_DIR is {folder!r}, where there is no ratings.csv"
        if folder
        else "needs goodbooks-10k: set GOODBOOKS_DIR to its folder"
    )
    if folder or os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def same_ids(request: pytest.FixtureRequest) -> None:
    """Let readers and books have the same ids wherever and after whatever a test trains.

    Only where there are runs: elsewhere no id comes twice, as on a site, and what is kept by id is
    nobody else's. What is trained once for a module comes before this, and begins there by itself.
    """
    if "artifacts" not in request.fixturenames:
        return
    request.getfixturevalue("db")
    begin_at_the_same_ids()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tell_apart(items)
    # After pytest-django, which orders them too.
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        arrange(items, Path(worker["pieces"]) / f"{worker['workerid']}.json")


def pytest_configure_node(node: Any) -> None:
    """Tell a process that is to share the tests where the others are."""
    node.workerinput["pieces"] = str(_pieces(node.config))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log, _pieces(config))


def _pieces(config: pytest.Config) -> Path:
    """Return the folder in which the processes of this session say what belongs together."""
    if _PIECES not in config.stash:
        folder = TemporaryDirectory(prefix="bookrec-tests-")
        config.add_cleanup(folder.cleanup)
        config.stash[_PIECES] = Path(folder.name)
    return config.stash[_PIECES]
