import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from ratings.tests.factories import RatingFactory

pytestmark = pytest.mark.django_db


def signed_in(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def address(book_id: object) -> str:
    return f"/api/v1/books/{book_id}/rating/"


def test_put_rates_and_rates_again() -> None:
    alice, book = UserFactory(), BookFactory()
    client = signed_in(alice)
    for stars in (4, 2):
        response = client.put(address(book.pk), {"stars": stars}, format="json")
        assert response.status_code == 200
        assert response.json()["stars"] == stars
    assert list(Rating.objects.values_list("user", "book", "stars")) == [(alice.pk, book.pk, 2)]
    assert client.get(address(book.pk)).json() == {"book": book.pk, "stars": 2}


def test_delete_takes_the_stars_back_and_may_be_repeated() -> None:
    rating = RatingFactory()
    client = signed_in(rating.user)
    assert client.delete(address(rating.book_id)).status_code == 204
    assert client.delete(address(rating.book_id)).status_code == 204
    assert client.get(address(rating.book_id)).status_code == 404
    assert not Rating.objects.exists()


def test_a_second_reader_neither_sees_nor_removes_the_first_ones_stars() -> None:
    rating = RatingFactory(stars=5)
    charlie = signed_in(UserFactory(username="charlie"))
    assert charlie.get(address(rating.book_id)).status_code == 404
    assert charlie.delete(address(rating.book_id)).status_code == 204
    charlie.put(address(rating.book_id), {"stars": 1}, format="json")
    assert Rating.objects.get(pk=rating.pk).stars == 5
    assert Rating.objects.count() == 2


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_stranger_is_asked_to_log_in(method: str) -> None:
    book = BookFactory()
    response = getattr(APIClient(), method)(address(book.pk), {"stars": 4}, format="json")
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert not Rating.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"stars": 0},
        {"stars": 6},
        {"stars": 4.5},
        {"stars": "many"},
        {"stars": "4"},
        {"stars": "٤"},
        {"stars": None},
        {"stars": True},
        {"stars": [4]},
        {"stars": 10**30},
        {},
        [],
        [{"stars": 4}],
        "4",
        None,
    ],
)
def test_what_are_no_stars_is_answered_by_name(body: object) -> None:
    response = signed_in(UserFactory()).put(address(BookFactory().pk), body, format="json")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"]
    assert not Rating.objects.exists()


@pytest.mark.parametrize("book_id", [999_999, 10**18, 10**30, 0, "x", "-1"])
def test_an_unknown_book_is_not_found(book_id: object) -> None:
    response = signed_in(UserFactory()).put(address(book_id), {"stars": 4}, format="json")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_a_hidden_book_is_not_found() -> None:
    hidden = BookFactory(is_hidden=True)
    response = signed_in(UserFactory()).put(address(hidden.pk), {"stars": 4}, format="json")
    assert response.status_code == 404


def test_post_is_no_way_to_rate() -> None:
    response = signed_in(UserFactory()).post(address(BookFactory().pk), {"stars": 4})
    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"


def test_the_stars_of_a_hidden_book_can_be_taken_back() -> None:
    rating = RatingFactory(book__is_hidden=True)
    assert signed_in(rating.user).delete(address(rating.book_id)).status_code == 204
    assert not Rating.objects.exists()
