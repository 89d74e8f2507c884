from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.answered import KEPT_FOR, forget_answers
from ratings.models import AnsweredRequest, Dismissal, Rating, ShelfEntry
from ratings.services import dismiss_book, shelve_book
from ratings.tests.api_doors import (
    assert_for_readers_only,
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    made_up_cursor,
    signed_in,
)
from ratings.tests.factories import RatingFactory
from ratings.tests.readers import make_readers

pytestmark = pytest.mark.django_db

LIST, BULK = "/api/v1/ratings/", "/api/v1/ratings/bulk/"


def bulk(client, rows: object, key: str | None = None):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(BULK, {"ratings": rows}, format="json", headers=headers)


def test_the_list_goes_from_page_to_page_the_newest_first() -> None:
    readers = make_readers()
    client = signed_in(readers.alice)
    response = client.get(LIST, {"page_size": 5})
    assert_private(response)
    seen = []
    while True:
        body = response.json()
        seen += body["results"]
        if body["next"] is None:
            break
        response = client.get(body["next"])
    assert [row["book"] for row in seen] == [book.pk for book in reversed(readers.books[:12])]
    assert seen[0] | {"created_at": "", "updated_at": ""} == {
        "book": readers.books[11].pk,
        "title": "Volume 12",
        "authors": ["Writer 12", "Shared Writer"],
        "stars": 2,
        "created_at": "",
        "updated_at": "",
    }


def test_the_list_is_the_readers_own_and_of_visible_books() -> None:
    readers = make_readers()
    RatingFactory(user=readers.charlie, book__is_hidden=True)
    assert signed_in(readers.charlie).get(LIST).json()["results"] == []
    assert len(signed_in(readers.bob).get(LIST).json()["results"]) == 2


def test_the_list_costs_few_queries(django_assert_max_num_queries) -> None:
    client = signed_in(make_readers().alice)
    with django_assert_max_num_queries(3):
        assert len(client.get(LIST).json()["results"]) == 12


@pytest.mark.parametrize(
    "size",
    [
        "0",
        "-1",
        "ten",
        "1.5",
        "\0",
        "٣",
    ],
)
def test_a_page_size_that_is_none_is_answered_by_name(size: str) -> None:
    response = signed_in(UserFactory()).get(LIST, {"page_size": size})
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["page_size"]


def test_a_page_is_never_longer_than_the_limit() -> None:
    reader, books = UserFactory(), BookFactory.create_batch(101)
    Rating.objects.bulk_create(Rating(user=reader, book=book, stars=3) for book in books)
    body = signed_in(reader).get(LIST, {"page_size": 100_000}).json()
    assert len(body["results"]) == 100


@pytest.mark.parametrize("cursor", ["x", "é", *map(made_up_cursor, ["x", "9" * 30, "%00"])])
def test_a_cursor_that_was_made_up_is_not_found(cursor: str) -> None:
    reader = RatingFactory().user
    assert_problem(signed_in(reader).get(LIST, {"cursor": cursor}), 404)


def test_each_door_has_its_methods_and_is_for_readers() -> None:
    client, one = signed_in(UserFactory()), f"{LIST}{BookFactory().pk}/"
    assert_only(client, LIST, {"GET"})
    assert_only(client, BULK, {"POST"})
    assert_only(client, one, {"GET", "PUT", "DELETE"})
    for address, methods in ((LIST, {"GET"}), (BULK, {"POST"})):
        assert_for_readers_only(address, methods)


def test_one_rating_has_a_short_address_too() -> None:
    rating = RatingFactory(stars=2)
    address = f"{LIST}{rating.book_id}/"
    client = signed_in(rating.user)
    assert client.get(address).json() == {"book": rating.book_id, "stars": 2}
    assert client.put(address, {"stars": 5}, format="json").status_code == 200
    assert_problem(signed_in(UserFactory()).get(address), 404)
    assert_problem(client.put(address, {"stars": "5"}, format="json"), 400)
    assert client.delete(address).status_code == 204
    assert not Rating.objects.exists()


def test_every_row_has_a_result_and_a_bad_one_spoils_no_other() -> None:
    reader, (new, changed, same) = UserFactory(), BookFactory.create_batch(3)
    hidden = BookFactory(is_hidden=True)
    RatingFactory(user=reader, book=changed, stars=1)
    kept = RatingFactory(user=reader, book=same, stars=3)
    bad = [
        {"book": hidden.pk, "stars": 3},
        {"book": 10**30, "stars": 3},
        {"book": 0, "stars": 3},
        {"book": -1, "stars": 3},
        {"book": new.pk, "stars": "5"},
        {"book": str(new.pk), "stars": 5},
        {"book": new.pk, "stars": 6},
        {"book": new.pk, "stars": 4.5},
        {"book": new.pk, "stars": True},
        {"book": [new.pk], "stars": 5},
        {"book": new.pk},
        {},
        [],
        None,
        "x\0",
        7,
    ]
    good = [
        {"book": new.pk, "stars": 5},
        {"book": changed.pk, "stars": 4},
        {"book": same.pk, "stars": 3},
    ]
    response = bulk(signed_in(reader), [*bad, *good])
    assert response.status_code == 200
    assert_private(response)
    body = response.json()
    assert [body[name] for name in ("created", "updated", "unchanged", "failed")] == [1, 1, 1, 16]
    results = body["results"]
    assert [told["index"] for told in results] == list(range(19))
    assert all(told["result"] == "error" and told["reason"] for told in results[:16])
    assert [told["result"] for told in results[16:]] == ["created", "updated", "unchanged"]
    stars = dict(Rating.objects.filter(user=reader).values_list("book", "stars"))
    assert stars == {new.pk: 5, changed.pk: 4, same.pk: 3}
    assert Rating.objects.get(pk=kept.pk).updated_at == kept.updated_at


def test_a_book_that_is_named_twice_has_the_last_stars() -> None:
    reader, book = UserFactory(), BookFactory()
    body = bulk(signed_in(reader), [{"book": book.pk, "stars": n} for n in (5, 2, 2)]).json()
    assert [told["result"] for told in body["results"]] == ["created", "updated", "unchanged"]
    assert Rating.objects.get().stars == 2


def test_many_stars_follow_the_rules_of_one() -> None:
    reader, other, books = UserFactory(), UserFactory(), BookFactory.create_batch(3)
    shelve_book(user=reader, book=books[0])
    shelve_book(user=reader, book=books[0], shelf="sea")
    dismiss_book(user=reader, book=books[1])
    shelve_book(user=other, book=books[0])
    bulk(signed_in(reader), [{"book": book.pk, "stars": 4} for book in books])
    assert list(ShelfEntry.objects.filter(user=reader).values_list("shelf", flat=True)) == ["sea"]
    assert not Dismissal.objects.exists()
    assert ShelfEntry.objects.filter(user=other).exists()
    assert not Rating.objects.filter(user=other).exists()


@pytest.mark.parametrize(
    "body", [{}, [], None, "x", {"ratings": []}, {"ratings": {}}, {"ratings": [{}] * 1001}, 10**30]
)
def test_what_is_no_list_of_rows_is_answered_by_name(body: object) -> None:
    response = signed_in(UserFactory()).post(BULK, body, format="json")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["ratings"]


def test_a_thousand_stars_cost_as_many_queries_as_one() -> None:
    reader, books = UserFactory(), BookFactory.create_batch(1000, authors=[])
    shelve_book(user=reader, book=books[0])
    dismiss_book(user=reader, book=books[1])
    rows = [{"book": book.pk, "stars": 4} for book in books]
    with at_most_queries(8):
        assert bulk(signed_in(reader), rows, key="k").json()["created"] == 1000
    with at_most_queries(2):
        assert bulk(signed_in(reader), rows).json()["unchanged"] == 1000


def test_the_same_key_and_body_are_answered_as_the_first_time() -> None:
    reader, book = UserFactory(), BookFactory()
    client, rows = signed_in(reader), [{"book": book.pk, "stars": 5}]
    first = bulk(client, rows, key="one")
    assert "Idempotency-Replayed" not in first
    Rating.objects.all().delete()
    second = bulk(client, rows, key="one")
    assert second.json() == first.json()
    assert second["Idempotency-Replayed"] == "true"
    assert not Rating.objects.exists()
    assert bulk(client, rows, key="two").json()["created"] == 1


def test_the_same_key_with_another_body_is_refused() -> None:
    reader, book = UserFactory(), BookFactory()
    bulk(signed_in(reader), [{"book": book.pk, "stars": 5}], key="one")
    assert_problem(bulk(signed_in(reader), [{"book": book.pk, "stars": 4}], key="one"), 422)
    assert Rating.objects.get().stars == 5


def test_a_key_is_one_readers_own() -> None:
    book = BookFactory()
    for reader in (UserFactory(), UserFactory()):
        rows = [{"book": book.pk, "stars": 5}]
        assert bulk(signed_in(reader), rows, key="one").json()["created"] == 1


def test_a_key_is_free_again_after_a_day() -> None:
    reader, book = UserFactory(), BookFactory()
    bulk(signed_in(reader), [{"book": book.pk, "stars": 5}], key="one")
    AnsweredRequest.objects.update(answered_at=timezone.now() - KEPT_FOR - timedelta(seconds=1))
    body = bulk(signed_in(reader), [{"book": book.pk, "stars": 4}], key="one").json()
    assert body["updated"] == 1
    assert forget_answers() == 0
    AnsweredRequest.objects.update(answered_at=timezone.now() - KEPT_FOR - timedelta(seconds=1))
    assert forget_answers() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_with_the_same_key_one_is_worked() -> None:
    reader, book = UserFactory(), BookFactory()
    rows = [{"book": book.pk, "stars": 5}]

    def ask(_: int) -> dict:
        try:
            response = bulk(signed_in(reader), rows, key="one")
            return response.json() | {"replayed": "Idempotency-Replayed" in response}
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(ask, range(8)))
    assert sorted(answer.pop("replayed") for answer in answers) == [False] + [True] * 7
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["created"] == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_key_that_is_none_is_answered_by_name(key: str) -> None:
    response = bulk(signed_in(UserFactory()), [{"book": 1, "stars": 5}], key=key)
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["Idempotency-Key"]
