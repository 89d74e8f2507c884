"""The id of a list: what it carries, and whose it is."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from recommender.errors import NoSuchList
from recommender.feedback.list_ids import MAX_AGE, MAX_LENGTH, new_list_id, read_list_id
from recommender.models import ListBasis, Surface

BOOKS = [3, 1, 4, 10_000, 2**63 - 1]


def made(reader_id: int | None = None, **changes) -> str:
    asked = {
        "surface": Surface.HOME,
        "basis": ListBasis.RATINGS,
        "run_id": 12,
        "k": 10,
        "books": BOOKS,
        "reader_id": reader_id,
    }
    return new_list_id(**(asked | changes))


def test_it_says_what_the_list_was() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    served, is_own = read_list_id(made(5), 5)
    assert is_own
    assert (served.surface, served.basis, served.run_id, served.k) == ("home", "ratings", 12, 10)
    assert served.books == tuple(BOOKS)
    assert before <= served.served_at <= datetime.now(UTC)
    assert served.day == served.served_at.date()
    assert [served.position(book) for book in BOOKS] == [1, 2, 3, 4, 5]
    assert served.position(2) is None


@pytest.mark.parametrize("surface", Surface)
@pytest.mark.parametrize("basis", ListBasis)
def test_every_surface_and_basis_comes_back(surface: Surface, basis: ListBasis) -> None:
    served, _ = read_list_id(made(surface=surface, basis=basis, run_id=None, books=[]), None)
    assert (served.surface, served.basis, served.run_id) == (surface, basis, None)
    assert served.books == ()


@pytest.mark.parametrize("n_books", [0, 1, 100])
@pytest.mark.parametrize("highest", [1, 127, 128, 2**31, 2**63 - 1])
def test_every_list_comes_back_and_its_id_is_short(n_books: int, highest: int) -> None:
    books = list(range(highest, max(0, highest - n_books), -1))
    text = made(run_id=highest, k=100, books=books)
    assert len(text) <= MAX_LENGTH
    served, _ = read_list_id(text, None)
    assert (list(served.books), served.run_id, served.k) == (books, highest, 100)


def test_ten_books_of_goodbooks_take_less_than_eighty_letters() -> None:
    assert len(made(books=range(9_990, 10_000))) < 80


def test_no_two_lists_share_a_key() -> None:
    keys = {read_list_id(made(), None)[0].key for _ in range(200)}
    assert len(keys) == 200


def test_a_readers_list_is_nobody_elses() -> None:
    text = made(5)
    for other in (6, None):
        with pytest.raises(NoSuchList, match="No list that was made for you"):
            read_list_id(text, other)


def test_a_guests_list_is_anybodys_and_of_nobody() -> None:
    text = made(None)
    for reader_id in (5, None):
        _, is_own = read_list_id(text, reader_id)
        assert not is_own


@pytest.mark.parametrize(
    "text",
    ["", "x", "A" * 16, "A" * 17, "A" * 40, "A" * (MAX_LENGTH + 1), "ä" * 40, "=" * 40, "A B", "\0",
     "٣" * 40],
)  # fmt: skip
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(NoSuchList):
        read_list_id(text, None)


def test_no_bit_of_an_id_can_be_changed() -> None:
    text = made(5)
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for place in range(len(raw)):
        forged = bytearray(raw)
        forged[place] ^= 1
        with pytest.raises(NoSuchList):
            read_list_id(base64.urlsafe_b64encode(forged).rstrip(b"=").decode(), 5)


def test_an_id_of_another_secret_counts_only_while_that_is_still_known(settings) -> None:
    text = made(5)
    settings.SECRET_KEY, old = "a new secret of this site, long enough", settings.SECRET_KEY
    with pytest.raises(NoSuchList):
        read_list_id(text, 5)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert read_list_id(text, 5)[1]


@pytest.mark.parametrize(
    ("age", "is_in_time"),
    [
        (timedelta(), True),
        (MAX_AGE - timedelta(minutes=1), True),
        (MAX_AGE + timedelta(minutes=1), False),
        (timedelta(minutes=-4), True),
        (timedelta(minutes=-6), False),
    ],
)
def test_a_list_is_of_its_time(monkeypatch, age: timedelta, is_in_time: bool) -> None:
    then = (datetime.now(UTC) - age).timestamp()
    monkeypatch.setattr("recommender.feedback.list_ids.time.time", lambda: then)
    text = made()
    if is_in_time:
        assert read_list_id(text, None)[0].served_at.timestamp() == int(then)
    else:
        with pytest.raises(NoSuchList, match="older than 2 days" if age > MAX_AGE else "to come"):
            read_list_id(text, None)
