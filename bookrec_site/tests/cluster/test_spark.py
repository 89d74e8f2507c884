"""Lists fitted by a Spark cluster beside the site, served by both hosts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from bookrec_site.tests.cluster.asking import ask, rate, ten
from bookrec_site.tests.cluster.served import until_every_process_serves
from bookrec_site.tests.cluster.site import Cluster
from bookrec_site.tests.spark.standalone import (
    StandaloneCluster,
    reached_by_tcp,
    require_spark,
    standalone_cluster,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.spark]


@pytest.fixture(scope="module")
def spark(tmp_path_factory) -> Iterator[StandaloneCluster]:
    """A master with two workers."""
    require_spark()
    with standalone_cluster(tmp_path_factory.mktemp("spark")) as spark:
        yield spark


@pytest.fixture
def database_by_tcp(cluster: Cluster) -> Iterator[str]:
    """The address of the site's database as executors reach it."""
    url = cluster.environment["DATABASE_URL"]
    place = parse_dsn(url)
    if not place.get("host", "").startswith("/"):
        yield url
        return
    socket = Path(place["host"]) / f".s.PGSQL.{place.get('port', 5432)}"
    with reached_by_tcp(socket) as port:
        # Nobody asks for the password there, and JDBC wants one.
        yield f"postgresql://{place['user']}:none@127.0.0.1:{port}/{place['dbname']}"


def test_a_run_that_spark_fitted_is_live_on_both_hosts(
    spark: StandaloneCluster, cluster: Cluster, database_by_tcp: str
) -> None:
    first, second = (host.url for host in cluster.hosts)
    reader = cluster.signed_up("of_spark")
    for book in cluster.books()[:5]:
        rate(first, reader, book)
    # It ranks worse than what is there.
    cluster.manage(
        *("train", "--engine", "spark", "--master", spark.master, "--force"),
        *("--option", "n_factors=8", "--option", "n_iterations=5"),
        SPARK_DATABASE_URL=database_by_tcp,
        SPARK_DRIVER_MEMORY="512m",
        SPARK_EXECUTOR_MEMORY="512m",
        SPARK_PARTITIONS="2",
    )
    [(run,)] = cluster.rows("SELECT id FROM recommender_trainingrun WHERE status = 'active'")
    [(dataset,)] = cluster.rows("SELECT dataset FROM recommender_trainingrun WHERE id = %s", run)
    assert dataset["als_by"] == "spark"
    until_every_process_serves(cluster, run, reader)

    before = ten(second, reader)
    assert before == ten(first, reader)
    found = ask("GET", f"{second}/api/v1/recommendations/?k=10", reader).json()
    assert found["basis"] == "ratings"
    rate(first, reader, before[0])
    assert before[0] not in ten(second, reader)
