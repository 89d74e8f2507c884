"""A worker that is killed at its work: the other one takes it up."""

import pytest

from bookrec_site.tests.cluster.asking import ask
from bookrec_site.tests.cluster.processes import Running
from bookrec_site.tests.cluster.site import Cluster
from bookrec_site.tests.scheduling import reschedule
from bookrec_site.tests.waiting import until
from ratings.tests.libraries import goodreads_csv

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

N_BOOKS = 12


def test_an_import_whose_worker_is_killed_is_done_by_the_other(cluster: Cluster) -> None:
    # A minute is long for a test.
    reschedule(cluster.rows, "tend library imports", every_seconds=2)
    reader = cluster.signed_up("of_a_library")
    rows = cluster.rows(
        "SELECT book.id, book.title, author.name FROM catalog_book book"
        " JOIN catalog_authorship ON book_id = book.id AND position = 0"
        " JOIN catalog_author author ON author.id = author_id"
        " ORDER BY book.id LIMIT %s",
        N_BOOKS,
    )
    library = goodreads_csv(
        *({"Title": title, "Author": author, "My Rating": "4"} for _book, title, author in rows)
    )
    heard = {worker.name: len(worker.told()) for worker in cluster.workers}
    with cluster.held("SELECT id FROM catalog_book WHERE id = %s FOR UPDATE", rows[-1][0]):
        told = ask(
            "POST",
            f"{cluster.url}/api/v1/imports/",
            reader,
            status=202,
            files={"file": ("library.csv", library, "text/csv")},
        ).json()
        until(lambda: cluster.n_waiting_for_a_lock() > 0)
        [busy] = [
            worker
            for worker in cluster.workers
            if "ratings.import_library" in worker.told()[heard[worker.name] :]
        ]
        busy.kill()
    # More than a minute without a sign of life, which is not waited for here.
    cluster.rows(
        "UPDATE ratings_libraryimport SET beat_at = now() - interval '2 minutes' WHERE id = %s",
        told["id"],
    )

    def is_done() -> bool:
        [(status, n_done, problem)] = cluster.rows(
            "SELECT status, n_done, problem FROM ratings_libraryimport WHERE id = %s", told["id"]
        )
        assert status in ("queued", "running", "done"), problem
        return status == "done" and n_done == N_BOOKS

    until(is_done)
    stars = cluster.rows(
        "SELECT book_id, stars FROM ratings_rating JOIN accounts_user reader"
        " ON reader.id = user_id WHERE username = 'of_a_library' ORDER BY book_id"
    )
    assert stars == [(book, 4) for book, _title, _author in rows]
    assert_both_work(cluster, busy)


def assert_both_work(cluster: Cluster, killed: Running) -> None:
    """The killed one comes back, as a process manager would have it."""
    before = len(killed.told())
    killed.start()
    killed.until_told(" ready.", after=before)
