"""One pointer in the database; each host has a copy of the files, each process one in memory."""

import pytest

from bookrec_site.tests.cluster.asking import ask, rate
from bookrec_site.tests.cluster.served import run_of_a_list, until_every_process_serves
from bookrec_site.tests.cluster.site import Cluster
from bookrec_site.tests.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def test_a_run_that_is_activated_or_rolled_back_is_live_on_both_hosts(cluster: Cluster) -> None:
    first, second = (host.url for host in cluster.hosts)
    operator, reader = cluster.operator(), cluster.signed_up("reader_of_runs")
    rate(first, reader, cluster.books()[0])
    before = run_of_a_list(second, reader)

    asked = {"kind": "quick", "force": True}
    run = ask("POST", f"{first}/api/v1/runs/", operator, status=202, json=asked).json()["id"]

    def is_over() -> bool:
        told = ask("GET", f"{second}/api/v1/runs/{run}/", operator).json()
        assert told["status"] in ("queued", "fitting", "evaluating", "active"), told
        return told["status"] == "active"

    until(is_over)
    until_every_process_serves(cluster, run, reader)
    [(artifact,)] = cluster.rows("SELECT artifact FROM recommender_trainingrun WHERE id = %s", run)
    for host in cluster.hosts:
        [copy] = (host.folder / "artifact-cache").glob(f"{artifact}.*")
        assert (copy / "meta.json").is_file()

    back = ask("POST", f"{second}/api/v1/runs/rollback/", operator).json()
    assert back["id"] == before
    until_every_process_serves(cluster, before, reader)

    ask("POST", f"{first}/api/v1/runs/{run}/activate/", operator)
    until_every_process_serves(cluster, run, reader)
