"""A Spark cluster for the tests of this folder, and the database as its executors reach it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from bookrec_site.tests.spark.standalone import (
    HOST,
    QUICK_JAVA,
    StandaloneCluster,
    reached_by_tcp,
    require_spark,
    standalone_cluster,
)
from recommender.spark.options import SparkOptions
from recommender.tests.conftest import measured_tastes  # noqa: F401 - a fixture

PASSWORD = "never-to-be-seen-4711"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any world is made."""
    require_spark()


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory) -> Iterator[StandaloneCluster]:
    """A master with two workers, of whom a test may kill some if it starts others."""
    with standalone_cluster(tmp_path_factory.mktemp("spark")) as cluster:
        yield cluster


@pytest.fixture
def spark_options(spark_cluster, settings, monkeypatch, tmp_path) -> Iterator[SparkOptions]:
    """The site's settings with this cluster, and the test's database behind a port.

    Every event is written down beside the cluster's logs.
    """
    configuration = tmp_path / "spark-conf"
    configuration.mkdir()
    (configuration / "spark-defaults.conf").write_text(
        "spark.eventLog.enabled true\n"
        "spark.eventLog.compress false\n"
        f"spark.eventLog.dir file://{spark_cluster.folder}\n"
        f"spark.driver.extraJavaOptions {QUICK_JAVA}\n"
        f"spark.executor.extraJavaOptions {QUICK_JAVA}\n"
    )
    monkeypatch.setenv("SPARK_CONF_DIR", str(configuration))
    database = dict(connection.settings_dict)
    host = database["HOST"] or ""
    sizes = {"driver_memory": "512m", "executor_memory": "512m", "partitions": 2}
    settings.SPARK = settings.SPARK | sizes | {"master": spark_cluster.master}
    if not host.startswith("/"):
        settings.SPARK = settings.SPARK | {"database": database}
        yield SparkOptions.of_settings()
        return
    with reached_by_tcp(Path(host) / f".s.PGSQL.{database['PORT'] or 5432}") as port:
        # Nobody asks for the password there; so much the more must it stay unseen.
        reached = database | {"HOST": HOST, "PORT": port, "PASSWORD": PASSWORD}
        settings.SPARK = settings.SPARK | {"database": reached}
        yield SparkOptions.of_settings()
