"""`als` fitted by a real cluster, a master and two workers: which equations, from where, killed."""

import os
from dataclasses import replace

import numpy as np
import psutil
import pytest

from accounts.models import User
from bookrec_site.tests.spark.conftest import PASSWORD
from ratings.models import Rating
from ratings.services import shelve_book
from recommender.dataset import load_dataset
from recommender.engine import FitError, Interactions, Vocabulary
from recommender.engine.als import AlsConfig, AlsRanker
from recommender.engine.audience import Audience
from recommender.errors import Cancelled
from recommender.held_out import split_off
from recommender.interaction_files import export
from recommender.spark import session
from recommender.spark.als import fit_als
from recommender.spark.errors import SparkError
from recommender.spark.options import SparkOptions
from recommender.spark.sources import JdbcSource, ParquetSource

pytestmark = [pytest.mark.spark, pytest.mark.django_db(transaction=True)]

CONFIG = AlsConfig(
    n_factors=6, regularization=0.05, alpha=2.0, n_iterations=5, scaled_regularization=True
)


@pytest.fixture
def world(measured_tastes) -> tuple[Interactions, Vocabulary]:
    """Two tastes, some shelves, forty readers withheld; what a run is fitted on, and its items."""
    readers = Rating.objects.order_by("user_id").distinct("user_id").values_list("user", flat=True)
    for reader, book in zip(readers[:30], measured_tastes["Dragon"] * 3, strict=False):
        shelve_book(user=User.objects.get(pk=reader), book=book)
    train, _readers = split_off(load_dataset().interactions)
    return train, train.items


def dense_solution(ranker: AlsRanker, train: Interactions, user: int) -> np.ndarray:
    """Solve a reader's normal equations from their definition, all items, in float64."""
    config = ranker.config
    y = ranker.item_factors.astype(np.float64)
    stars = train.ratings[[user]].toarray().ravel().astype(int)
    shelved = train.shelved[[user]].toarray().ravel() > 0
    # The weights of fit and fold-in are numbers of float32.
    r = np.array([0.0, *config.star_weights], dtype=np.float32).astype(np.float64)[stars]
    r = np.where((stars == 0) & shelved, config.shelf_weight, r)
    preference = (r > 0) & ((stars == 0) | (stars >= config.positive_threshold))
    confidence = np.diag(1 + config.alpha * r)
    penalty = config.regularization * preference.sum() * np.eye(config.n_factors)
    return np.linalg.solve(y.T @ confidence @ y + penalty, y.T @ confidence @ preference)


def silent(stage: str, done: float) -> None:
    """Take no notice."""


def test_postgresql_and_parquet_give_the_objective_that_the_fold_in_solves(
    world, spark_options: SparkOptions, spark_cluster, tmp_path, monkeypatch
) -> None:
    train, items = world
    monkeypatch.setenv("DATABASE_URL", f"postgresql://x:{PASSWORD}@localhost/x")
    lines: set[str] = set()

    def look(stage: str, done: float) -> None:
        own = psutil.Process(os.getpid()).children(recursive=True)
        for process in [*own, *spark_cluster.family()]:
            try:
                lines.add(" ".join(process.cmdline()))
                if process.name() == "java":
                    lines.add(str(process.environ()))
            except psutil.Error:
                continue  # It has just ended.

    with JdbcSource.opened(spark_options) as source:
        by_jdbc = fit_als(source, items, CONFIG, spark_options, on_progress=look, with_users=True)
    # Nobody sees the password: no command line, no environment, no log, no event of the UI.
    said = "".join(lines) + spark_cluster.texts()
    assert "SparkSubmit" in said
    assert "CoarseGrainedExecutorBackend" in said
    assert "SparkListenerSQLExecutionStart" in said
    assert "JDBCRelation" in said
    assert PASSWORD not in said

    # The readers held out are not in it, everybody else is; and so are the counts.
    ids, user_factors = by_jdbc.user_factors
    assert sorted(ids.tolist()) == train.user_ids.tolist()
    wanted = Audience.of(train)
    assert by_jdbc.audience.n_users == wanted.n_users
    for name in ("n_having", "n_ratings", "stars"):
        np.testing.assert_array_equal(getattr(by_jdbc.audience, name), getattr(wanted, name))

    # Spark's last half-step, the artifact's fold-in and the dense equations are one solution.
    # Spark keeps its factors in float32, hence 1e-5; the fold-in is float64.
    ranker = by_jdbc.ranker
    rows = train.users.indices(ids)
    folded = np.stack([ranker.fold_in(train.profile(int(row))) for row in rows])
    dense = np.stack([dense_solution(ranker, train, int(row)) for row in rows])
    assert np.abs(folded).max() > 0.1
    np.testing.assert_allclose(folded, dense, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(folded, user_factors, atol=1e-5)

    export(tmp_path / "files", n_partitions=3)
    files = ParquetSource(tmp_path / "files")
    by_files = fit_als(files, items, CONFIG, spark_options, on_progress=silent)
    # The rows come in another order; sums of floats differ by that.
    np.testing.assert_allclose(
        by_files.ranker.item_factors, ranker.item_factors, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_array_equal(by_files.audience.n_having, wanted.n_having)


def test_a_worker_killed_mid_fit_costs_time_and_nothing_else(
    world, spark_options: SparkOptions, spark_cluster, monkeypatch
) -> None:
    train, items = world
    config = replace(CONFIG, n_iterations=20)
    killed_at: list[float] = []
    doomed = spark_cluster.workers[0]
    monkeypatch.setattr(session, "_POLL_SECONDS", 0.05)

    def kill_once(stage: str, done: float) -> None:
        if done > 0.3 and not killed_at:
            assert len(doomed.family()) > 1  # its executor is at work
            doomed.kill()
            killed_at.append(done)

    with JdbcSource.opened(spark_options) as source:
        # What happens meanwhile is not seen, by tasks that are done again either.
        Rating.objects.filter(user_id=int(train.user_ids[0])).delete()
        fitted = fit_als(
            source, items, config, spark_options, on_progress=kill_once, with_users=True
        )
    spark_cluster.daemons.remove(doomed)
    spark_cluster.start_worker()
    assert killed_at
    assert killed_at[0] < 0.9
    # Every reader is in it, and their factors are still the last half-step of the item factors'.
    ids, user_factors = fitted.user_factors
    assert sorted(ids.tolist()) == train.user_ids.tolist()
    np.testing.assert_array_equal(fitted.audience.n_having, Audience.of(train).n_having)
    rows = train.users.indices(ids)
    dense = np.stack([dense_solution(fitted.ranker, train, int(row)) for row in rows])
    assert np.abs(dense).max() > 0.1
    np.testing.assert_allclose(dense, user_factors, atol=1e-5)


def test_a_cancelled_run_ends_its_jobs_and_its_driver(world, spark_options, spark_cluster) -> None:
    _train, items = world
    daemons = spark_cluster.family()
    drivers: list[psutil.Process] = []

    def cancel(stage: str, done: float) -> None:
        for process in psutil.Process(os.getpid()).children(recursive=True):
            if process not in daemons and process.name() == "java":
                drivers.append(process)
        raise Cancelled("Cancelled by Alice.")

    with (
        JdbcSource.opened(spark_options) as source,
        pytest.raises(Cancelled, match="by Alice"),
    ):
        fit_als(source, items, CONFIG, spark_options, on_progress=cancel)
    assert drivers
    assert not psutil.wait_procs(drivers, timeout=60)[1]


def test_a_database_that_executors_do_not_reach_is_named(
    world, spark_options: SparkOptions, settings
) -> None:
    _train, items = world
    # Port 9 of loopback: nobody listens.
    unreachable = dict(settings.SPARK["database"]) | {"PORT": 9}
    settings.SPARK = settings.SPARK | {"database": unreachable}
    options = SparkOptions.of_settings()
    with (
        JdbcSource.opened(options) as source,
        pytest.raises(SparkError, match="127.0.0.1:9") as error,
    ):
        fit_als(source, items, CONFIG, options, on_progress=silent)
    assert PASSWORD not in str(error.value)


def test_with_nothing_to_fit_it_says_so(db, spark_options, tmp_path) -> None:
    export(tmp_path / "files", n_partitions=1)
    with pytest.raises(FitError, match="no interaction to fit"):
        fit_als(
            ParquetSource(tmp_path / "files"),
            Vocabulary.of([1, 2]),
            CONFIG,
            spark_options,
            on_progress=silent,
        )
