"""When a reader read what."""

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse

from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.history import Reads, history_of
from ratings.models import Rating, Reading
from ratings.services import mark_read, shelve_book
from ratings.tests.factories import RatingFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return UserFactory(username="alice")


def rated_on(user, stars, *when):
    at = datetime(*when, 23, 59, tzinfo=UTC) if when else None
    return RatingFactory(user=user, book=BookFactory(), stars=stars, created_at=at, updated_at=at)


def read_on(user, *when, stars=None):
    book = BookFactory()
    if stars:
        RatingFactory(user=user, book=book, stars=stars)
    mark_read(user=user, book=book, finished_on=date(*when) if when else None)
    return book


@pytest.fixture
def history(alice):
    """Alice read seven books; Bob's and one that is hidden or wanted must not count."""
    rated_on(alice, 5, 2023, 12, 31)
    rated_on(alice, 2, 2024, 1, 1)
    rated_on(alice, 4)
    read_on(alice, 2024, 1, 20)
    # The day of finishing goes before that of the stars.
    read_on(alice, 2021, 6, 1, stars=4)
    read_on(alice, 1999, 6, 1, stars=3)
    read_on(alice)
    bob = UserFactory()
    rated_on(bob, 5, 2024, 1, 1)
    hidden = read_on(alice, 2024, 5, 5)
    Book.objects.filter(pk=hidden.pk).update(is_hidden=True)
    shelve_book(user=alice, book=BookFactory())
    return alice


def test_months_are_counted_by_the_day_of_finishing_else_of_the_stars(
    history, django_assert_num_queries
):
    with django_assert_num_queries(1):
        found = history_of(history)
    assert found.months == {
        (1999, 6): Reads(1, 0, 1, 3),
        (2021, 6): Reads(1, 1, 1, 4),
        (2023, 12): Reads(1, 1, 1, 5),
        (2024, 1): Reads(2, 0, 1, 2),
    }
    assert found.undated == Reads(2, 1, 1, 4)
    assert found.total == Reads(7, 3, 5, 18)
    assert found.total.mean_stars == 3.6
    assert list(found.years) == [1999, 2021, 2023, 2024]
    assert found.months_of(2024)[0].n_books == 2
    assert sum(reads.n_books for reads in found.months_of(2024)) == 2


def test_changed_stars_do_not_move_a_book_in_time(alice):
    rating = rated_on(alice, 3, 2020, 2, 2)
    Rating.objects.filter(pk=rating.pk).update(updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert list(history_of(alice).years) == [2020]


def test_the_page_shows_charts_as_tables_too(client, history, django_assert_max_num_queries):
    client.force_login(history)
    client.get(reverse("reading_history"))
    with django_assert_max_num_queries(8):
        page = client.get(reverse("reading_history"))
    html = page.content.decode()
    assert page.context["year"] == 2024
    assert [column.key for column in page.context["year_columns"]] == list(range(1999, 2025))
    assert (
        '<th scope="row"><a href="?year=2021">2021</a></th><td>1</td><td>1</td><td>4.00</td>'
        in html
    )
    assert "2 books were read nobody knows when" in html
    assert "January: 2 books" in html.replace("\n", " ")
    assert "style=" not in html


def test_heights_fill_the_chart_and_the_loved_part_stands_at_the_bottom(client, history):
    client.force_login(history)
    columns = {c.key: c for c in client.get(reverse("reading_history")).context["year_columns"]}
    assert (columns[2024].top, columns[2024].height, columns[2024].loved_height) == (0, 100, 0)
    assert (columns[2023].top, columns[2023].height) == (50, 50)
    assert (columns[2023].loved_top, columns[2023].loved_height) == (50, 50)
    assert columns[2022].height == 0


def test_a_year_of_ones_own_can_be_chosen_and_no_other(client, history):
    client.force_login(history)
    page = client.get(reverse("reading_history"), {"year": "2021"})
    assert [row.mark.stars for row in page.context["rows"]] == [4]
    assert page.context["rows"][0].finished_on == date(2021, 6, 1)
    for year in ("2022", "x", "٢٠٢١", "-1", "9" * 40, "2021\0"):
        assert client.get(reverse("reading_history"), {"year": year}).status_code == 404
    assert client.get(reverse("reading_history"), {"year": ""}).status_code == 200


def test_a_slip_of_two_thousand_years_draws_no_two_thousand_columns(client, history):
    client.force_login(history)
    Reading.objects.filter(user=history, finished_on__year=1999).update(finished_on=date(19, 6, 1))
    columns = client.get(reverse("reading_history")).context["year_columns"]
    assert [column.key for column in columns] == [19, 2021, 2023, 2024]


def test_without_anything_read_the_page_says_what_to_do(client, alice):
    client.force_login(alice)
    assert "Nothing read yet" in client.get(reverse("reading_history")).content.decode()
    rated_on(alice, 3)
    html = client.get(reverse("reading_history")).content.decode()
    assert "One book was read nobody knows when" in html
    assert "Books by year" not in html
