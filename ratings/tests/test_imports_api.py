"""A library by the API: uploaded, watched, undone, and its reader's alone."""

import csv
import io

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.library_import import requests
from ratings.library_import.requests import KEPT_IMPORTS, request_import
from ratings.library_import.working import work_at
from ratings.models import LibraryImport, Rating
from ratings.services import rate_book
from ratings.tests.api_doors import (
    assert_for_readers_only,
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    made_up_cursor,
    signed_in,
)
from ratings.tests.libraries import (
    IMPORTS,
    goodreads_csv,
    library_file,
    make_catalogue,
    run_import,
    upload,
)

pytestmark = pytest.mark.django_db

LIBRARY = goodreads_csv(
    {"Title": "The Hobbit", "Author": "J.R.R. Tolkien", "My Rating": "5"},
    {"Title": "Emma", "Author": "Jane Austen", "My Rating": "4"},
    {"Title": "Dune", "Author": "Frank Herbert", "My Rating": "11"},
)


def test_a_library_is_uploaded_and_watched_until_it_is_there() -> None:
    books, alice = make_catalogue(), UserFactory()
    client = signed_in(alice)
    with at_most_queries(8):
        response = upload(client, LIBRARY, "C:\\my library.csv", replace_stars=True)
    assert response.status_code == 202
    begun = LibraryImport.objects.get()
    address = f"{IMPORTS}{begun.pk}/"
    assert response["Location"] == f"http://testserver{address}"
    assert response["Retry-After"] == "1"
    assert_private(response)
    told = response.json()
    assert told | {"requested_at": ""} == {
        "id": begun.pk,
        "file_name": "my library.csv",
        "format": "goodreads",
        "replace_stars": True,
        "status": "queued",
        "problem": "",
        "n_rows": 3,
        "n_done": 0,
        "progress": 0.0,
        "counts": dict.fromkeys(told["counts"], 0),
        "requested_at": "",
        "finished_at": None,
        "can_undo": False,
        "has_rows": True,
    }
    work_at(begun.pk)
    with at_most_queries(8):
        answer = client.get(address)
    body = answer.json()
    assert (body["status"], body["progress"], body["can_undo"]) == ("done", 1.0, True)
    counts = {outcome: n for outcome, n in body["counts"].items() if n}
    assert counts == {"added": 1, "needs_review": 1, "failed": 1}
    assert "Retry-After" not in answer
    assert Rating.objects.get(user=alice).book == books["hobbit"]


def test_who_asks_again_is_told_only_what_is_new() -> None:
    make_catalogue()
    alice = UserFactory()
    begun = request_import(user=alice, file_name="a.csv", content=LIBRARY)
    client, address = signed_in(alice), f"{IMPORTS}{begun.pk}/"
    first = client.get(address)
    assert first["Cache-Control"] == "private, no-cache"
    for known in (first["ETag"], f"W/{first['ETag']}", f'"another", {first["ETag"]}', "*"):
        again = client.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert (again["ETag"], again["Retry-After"]) == (first["ETag"], "1")
        assert again["Cache-Control"] == "private, no-cache"
    for unknown in ('"another"', "nonsense", ""):
        assert client.get(address, headers={"If-None-Match": unknown}).status_code == 200
    # One row more is news.
    LibraryImport.objects.update(status="running", n_done=1)
    news = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert (news.status_code, news.json()["progress"]) == (200, 0.3333)
    assert news["ETag"] != first["ETag"]


def test_the_list_is_the_readers_own_the_latest_first() -> None:
    make_catalogue()
    alice, charlie = UserFactory(), UserFactory()
    done = [run_import(alice, LIBRARY).pk for _ in range(3)]
    client = signed_in(alice)
    with at_most_queries(8):
        page = client.get(IMPORTS, {"page_size": 2}).json()
    assert [row["id"] for row in page["results"]] == done[:0:-1]
    rest = client.get(page["next"]).json()
    assert ([row["id"] for row in rest["results"]], rest["next"]) == (done[:1], None)
    assert signed_in(charlie).get(IMPORTS).json()["results"] == []
    assert_problem(client.get(IMPORTS, {"cursor": made_up_cursor("x")}), 404)


def test_the_same_upload_with_the_same_key_is_done_once() -> None:
    make_catalogue()
    client = signed_in(UserFactory())
    with at_most_queries(8):
        first = upload(client, LIBRARY, key="one")
    again = upload(client, LIBRARY, key="one")
    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Location"] == first["Location"]
    assert (again["Idempotency-Replayed"], "Idempotency-Replayed" in first) == ("true", False)
    assert LibraryImport.objects.count() == 1
    for other in (
        upload(client, LIBRARY + b"\n", key="one"),
        upload(client, LIBRARY, key="one", replace_stars=True),
        upload(client, LIBRARY, "other.csv", key="one"),
    ):
        assert_problem(other, 422)
    assert_problem(upload(client, LIBRARY, key="a b"), 400)
    # A key is its reader's alone.
    assert upload(signed_in(UserFactory()), LIBRARY, key="one").status_code == 202


def test_a_refused_upload_leaves_its_key_free() -> None:
    make_catalogue()
    client = signed_in(UserFactory())
    assert_problem(upload(client, b"no library", key="one"), 400)
    assert upload(client, LIBRARY, key="one").status_code == 202


def test_one_import_at_a_time_and_the_other_is_named() -> None:
    make_catalogue()
    alice = UserFactory()
    other = request_import(user=alice, file_name="a.csv", content=LIBRARY)
    for key in ("", "one"):
        response = upload(signed_in(alice), LIBRARY, key=key)
        assert_problem(response, 409)
        assert response.json()["under_way"] == {
            "id": other.pk,
            "address": f"http://testserver{IMPORTS}{other.pk}/",
        }
    assert LibraryImport.objects.count() == 1
    assert upload(signed_in(UserFactory()), LIBRARY).status_code == 202


def test_the_worst_upload_costs_few_queries_too() -> None:
    """With a key, when the rows of the eleventh last import are forgotten."""
    make_catalogue()
    alice = UserFactory()
    for _ in range(KEPT_IMPORTS):
        run_import(alice, LIBRARY)
    with at_most_queries(8):
        assert upload(signed_in(alice), LIBRARY, key="one").status_code == 202
    assert LibraryImport.objects.filter(has_rows=False).count() == 1


def test_a_name_of_a_file_is_shown_clean() -> None:
    make_catalogue()
    response = upload(signed_in(UserFactory()), LIBRARY, "../\u202egnp.exe\0\n" + "x" * 200)
    assert response.json()["file_name"] == "gnp.exe" + "x" * 113


def test_what_failed_comes_back_as_a_file_that_can_be_uploaded() -> None:
    make_catalogue()
    alice = UserFactory()
    done = run_import(alice, library_file("goodreads_2023.csv"))
    client = signed_in(alice)
    with at_most_queries(8):
        response = client.get(f"{IMPORTS}{done.pk}/to-put-right.csv")
        content = b"".join(response.streaming_content)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="library-to-put-right.csv"'
    assert_private(response)
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert {row["Title"] for row in rows} == {
        "Emma",
        "A Pamphlet Nobody Catalogued",
        "The Catcher in the Rye",
    }
    assert upload(client, content).status_code == 202
    wanted = {"Accept": "application/json"}
    assert_problem(client.get(f"{IMPORTS}{done.pk}/to-put-right.csv", headers=wanted), 406)


def test_an_import_is_undone_but_for_what_was_changed_since() -> None:
    books, alice = make_catalogue(), UserFactory()
    done = run_import(alice, library_file("goodreads_2023.csv"))
    rate_book(user=alice, book=books["hobbit"], stars=1)
    client, address = signed_in(alice), f"{IMPORTS}{done.pk}/"
    with at_most_queries(8):
        response = client.post(f"{address}undo/")
    assert response.status_code == 202
    assert response["Location"] == f"http://testserver{address}"
    assert (response.json()["status"], response.json()["n_done"]) == ("undoing", 0)
    assert_problem(client.post(f"{address}undo/"), 409)
    assert_problem(upload(client, LIBRARY), 409)
    work_at(done.pk)
    body = client.get(address).json()
    assert (body["status"], body["can_undo"]) == ("undone", False)
    assert (body["counts"]["undone"], body["counts"]["kept"]) == (5, 1)
    assert dict(Rating.objects.values_list("book_id", "stars")) == {books["hobbit"].pk: 1}
    assert_problem(client.post(f"{address}undo/"), 409)


def test_nothing_is_undone_while_another_import_is_at_work() -> None:
    make_catalogue()
    alice = UserFactory()
    done = run_import(alice, LIBRARY)
    other = request_import(user=alice, file_name="b.csv", content=LIBRARY)
    response = signed_in(alice).post(f"{IMPORTS}{done.pk}/undo/")
    assert_problem(response, 409)
    assert response.json()["under_way"]["id"] == other.pk


def test_the_reasons_come_in_the_readers_language(monkeypatch) -> None:
    client = signed_in(UserFactory())
    response = client.post(
        IMPORTS,
        {"file": SimpleUploadedFile("a.csv", b"")},
        format="multipart",
        headers={"Accept-Language": "de"},
    )
    assert response.json()["errors"]["file"] == ["Die Datei ist leer."]


def test_without_a_broker_the_upload_is_kept(
    monkeypatch, django_capture_on_commit_callbacks
) -> None:
    from kombu.exceptions import OperationalError

    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("no broker")

    make_catalogue()
    monkeypatch.setattr(requests.current_app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        response = upload(signed_in(UserFactory()), LIBRARY)
    assert (response.status_code, response.json()["status"]) == (202, "queued")


def with_token(user: User, scope: str = "write") -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {issue_token(user, scope=scope)[1]}")
    client.only_reads = scope == "read"
    return client


def test_a_token_that_only_reads_changes_nothing() -> None:
    make_catalogue()
    alice = UserFactory()
    done = run_import(alice, LIBRARY)
    client = with_token(alice, scope="read")
    assert client.get(f"{IMPORTS}{done.pk}/").status_code == 200
    assert_problem(upload(client, LIBRARY), 403)
    for part in ("undo/", "rows/3/choose/", "rows/3/skip/", "rows/3/reopen/"):
        assert_problem(client.post(f"{IMPORTS}{done.pk}/{part}"), 403)
    assert LibraryImport.objects.get().status == "done"


DOORS = {
    IMPORTS: {"GET", "POST"},
    f"{IMPORTS}{{id}}/": {"GET"},
    f"{IMPORTS}{{id}}/undo/": {"POST"},
    f"{IMPORTS}{{id}}/to-put-right.csv": {"GET"},
    f"{IMPORTS}{{id}}/rows/": {"GET"},
    f"{IMPORTS}{{id}}/rows/3/": {"GET"},
    f"{IMPORTS}{{id}}/rows/3/choose/": {"POST"},
    f"{IMPORTS}{{id}}/rows/3/skip/": {"POST"},
    f"{IMPORTS}{{id}}/rows/3/reopen/": {"POST"},
}


@pytest.mark.parametrize("door", DOORS)
def test_each_door_has_its_methods_and_is_for_its_reader_alone(door: str) -> None:
    books, alice, charlie = make_catalogue(), UserFactory(), UserFactory()
    done = run_import(alice, LIBRARY)
    address, methods = door.format(id=done.pk), DOORS[door]
    before = list(done.rows.order_by("line").values())
    assert_only(signed_in(alice), address, methods)
    assert_for_readers_only(address, methods)
    if door == IMPORTS:
        return
    body = {"book": books["emma"].pk} if "choose" in door else None
    for client in (with_token(charlie), with_token(charlie, scope="read")):
        for method in methods:
            send = getattr(client, method.lower())
            response = send(address, body, format="json") if method == "POST" else send(address)
            only_reads = method == "POST" and client.only_reads
            assert_problem(response, 403 if only_reads else 404)
            assert_private(response)
    done.refresh_from_db()
    assert (done.status, list(done.rows.order_by("line").values())) == ("done", before)
    assert not Rating.objects.filter(user=charlie).exists()


@pytest.mark.parametrize("number", ["0", "999999999", "9" * 40])
@pytest.mark.parametrize("door", [door for door in DOORS if "{id}" in door])
def test_what_is_not_there_is_not_found(door: str, number: str) -> None:
    [method] = DOORS[door]
    address, body = door.format(id=number), {"book": BookFactory().pk}
    client = signed_in(UserFactory())
    send = getattr(client, method.lower())
    response = send(address, body, format="json") if method == "POST" else send(address)
    assert_problem(response, 404)


def test_costly_doors_are_counted(settings, monkeypatch) -> None:
    """As ever in these tests limits are far off; here one is near."""
    from accounts.throttling import CostlyThrottle

    monkeypatch.setattr(CostlyThrottle, "THROTTLE_RATES", {"costly": "1/hour"})
    client = signed_in(UserFactory())
    assert upload(client, b"").status_code == 400
    refused = upload(client, b"")
    assert_problem(refused, 429)
    assert int(refused["Retry-After"]) > 0
    assert client.get(IMPORTS).status_code == 200


def test_the_limit_is_that_of_the_page() -> None:
    assert settings.LIBRARY_IMPORT_MAX_BYTES == 10 * 2**20
