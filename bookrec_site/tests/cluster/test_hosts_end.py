"""A host that is killed, and hosts that are restarted one after the other, while readers ask."""

import time
from collections.abc import Sequence

import pytest

from bookrec_site.tests.cluster.asking import ask
from bookrec_site.tests.cluster.load import Load, LoadingReader
from bookrec_site.tests.cluster.processes import Host
from bookrec_site.tests.cluster.site import Cluster
from bookrec_site.tests.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

N_READERS = 4
# Of all kinds, before and after what befalls a host.
ENOUGH = 40
# Requests that one host works at: two processes of four threads.
N_AT_ONCE = 8


def readers(cluster: Cluster, name: str, *, resends: bool = False) -> list[LoadingReader]:
    books = cluster.books()
    return [
        LoadingReader(
            cluster.url,
            cluster.signed_up(f"{name}_{number}"),
            books[number * 10 : number * 10 + 10],
            cluster.address(20 + number),
            resends=resends,
        )
        for number in range(N_READERS)
    ]


def until_more(load: Load) -> None:
    now = time.monotonic()
    until(lambda: load.n_good_since(now) >= ENOUGH)


def until_nginx_sends_to(host: Host) -> None:
    """Wait for the line of a request of the load in the host's log."""
    host.until_told('"route": "api/v1/recommendations/"', after=len(host.told()))


def assert_each_rating_is_stored_once(cluster: Cluster, loading: Sequence[LoadingReader]) -> None:
    for reader in loading:
        # A second time it would be "unchanged": DELETE came before each.
        assert set(reader.outcomes) == {"created"}
        key = reader.headers["Authorization"]
        told = ask("GET", f"{cluster.url}/api/v1/ratings/?page_size=100", {"Authorization": key})
        stars = {row["book"]: row["stars"] for row in told.json()["results"]}
        assert stars == reader.stars


def test_a_rolling_restart_is_not_noticed(cluster: Cluster) -> None:
    loading = readers(cluster, "rolling")
    with Load(loading) as load:
        until_more(load)
        for host in cluster.hosts:
            # Only then may the other one leave.
            until_nginx_sends_to(host)
            host.stop()
            until_more(load)
            host.start()
            host.until_ready()
            until_nginx_sends_to(host)
            until_more(load)
    assert load.failures() == []
    assert {method for method, _status in load.count()} == {"GET", "PUT", "POST", "DELETE"}
    assert_each_rating_is_stored_once(cluster, loading)


def test_a_host_that_is_killed_takes_no_request_with_it(cluster: Cluster) -> None:
    loading = readers(cluster, "killed", resends=True)
    host = cluster.hosts[0]
    with Load(loading) as load:
        until_nginx_sends_to(host)
        until_more(load)
        host.kill()
        until_more(load)
        host.start()
        host.until_ready()
        until_nginx_sends_to(host)
        until_more(load)
    failures = load.failures()
    # What had begun to be answered, and what may not be sent twice; both came again, with a key.
    assert all(answer.is_torn or answer.method == "POST" for answer in failures), failures
    assert {answer.status for answer in failures if not answer.is_torn} <= {502}
    assert len(failures) <= N_AT_ONCE
    assert_each_rating_is_stored_once(cluster, loading)
