"""Which run lists come from: on each host, in each of its processes."""

from typing import Any

from bookrec_site.tests.cluster.asking import ask
from bookrec_site.tests.cluster.site import Cluster
from bookrec_site.tests.waiting import each_alone, until


def run_of_a_list(url: str, headers: dict[str, str]) -> Any:
    return ask("GET", f"{url}/api/v1/recommendations/", headers).json()["run"]


def until_every_process_serves(cluster: Cluster, run: int, headers: dict[str, str]) -> None:
    for host in cluster.hosts:
        for _worker in each_alone(host.workers()):
            until(lambda url=host.url: run_of_a_list(url, headers) == run)
