"""Real PostgreSQL and Redis for every test session, started when nobody else did."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings

from bookrec_site.embedded.commands import missing_services, services
from bookrec_site.embedded.errors import EmbeddedServiceError
from bookrec_site.tests.isolation import (
    drop_abandoned_databases,
    use_own_postgres_database,
    use_own_redis_database,
)


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
    if "postgres" in missing_services():
        drop_abandoned_databases(settings.LOCAL_DIR)
        if not session.config.getoption("reuse_db"):
            use_own_postgres_database(settings)
    if "redis" in missing_services():
        use_own_redis_database(settings, settings.LOCAL_DIR)


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
