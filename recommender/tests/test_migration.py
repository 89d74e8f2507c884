"""Runs of earlier versions come through the migration."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("recommender", "0001_initial")]
AFTER = [("recommender", "0002_training_run_life")]


@pytest.fixture
def all_migrations(transactional_db) -> Iterator[None]:
    """Leave the database to the next test with the migrations of today."""
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.usefixtures("all_migrations")
def test_runs_of_before_have_what_every_run_has() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    try:
        old = executor.loader.project_state(BEFORE).apps.get_model("recommender", "TrainingRun")
        active = old.objects.create(trigger="command", status="active", artifact="run-1")
        # Killed, and closed without a time.
        failed = old.objects.create(trigger="command", status="failed")
        fitting = old.objects.create(trigger="command", status="fitting")
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(AFTER)
    new = executor.loader.project_state(AFTER).apps.get_model("recommender", "TrainingRun")
    for earlier in (active, failed, fitting):
        run = new.objects.get(pk=earlier.pk)
        assert (run.status, run.kind) == (earlier.status, "quick")
        assert run.requested_at == run.started_at == earlier.started_at
        assert run.heartbeat_at is not None
        assert (run.finished_at is None) == (run.status == "fitting")
