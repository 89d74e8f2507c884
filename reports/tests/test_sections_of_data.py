"""What the sections say of ratings, shelves and growth, against figures worked out by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest

from accounts.tests.factories import UserFactory
from catalog.models import BookGenre, Genre
from ratings.tests.factories import RatingFactory, ShelfEntryFactory
from reports.material import gather
from reports.sections.ratings import ratings_section
from reports.sections.readers import books_section, growth_section, shelves_section
from reports.tests.material import books, material_of

pytestmark = pytest.mark.django_db


def figures(section) -> dict[str, object]:
    return {figure.title: figure for figure in section.figures}


@pytest.fixture
def six():
    """Alice rates all, Bob the first: A has 3, 5 and 1 stars; B and C have one rating each."""
    a, b, c, unread = books("A", "B", "C", "Unread")
    return material_of(
        [(1, a, 3), (1, b, 5), (1, c, 5), (2, a, 5), (3, a, 1)],
        [(1, unread), (2, b), (9, unread), (9, c)],
        [a, b, c, unread],
    )


def test_the_distribution_counts_every_star(six) -> None:
    figure = figures(ratings_section(six))["Which stars are given"]
    assert list(figure.table.rows) == [
        ("1", "1", "20.0%"),
        ("2", "0", "0.0%"),
        ("3", "1", "20.0%"),
        ("4", "0", "0.0%"),
        ("5", "3", "60.0%"),
    ]
    assert "most have 5 stars (60.0%); the mean is 3.80, and 20.0% have 2" in figure.sentence


def test_ratings_per_reader_and_per_book(six) -> None:
    found = figures(ratings_section(six))
    # Three readers have 3, 1 and 1 rating; the one who only keeps a shelf has none.
    assert "Half of the 3 readers with ratings have 1 or fewer, from 1 to 3" in (
        found["Ratings per reader"].sentence
    )
    per_book = found["Ratings per book"]
    assert per_book.sentence.endswith("60.0% of all ratings. 1 book without any.")
    assert per_book.table.rows[-1] == ("most", "3")


def test_the_long_tail_has_the_gini_coefficient_of_its_counts(six) -> None:
    figure = figures(ratings_section(six))["The long tail"]
    counts = np.array([3, 1, 1, 0])
    # Half of the mean absolute difference of all pairs, by the mean.
    gini = np.abs(counts[:, None] - counts).mean() / (2 * counts.mean())
    assert f"Gini coefficient {gini:.2f}" in figure.sentence
    assert "half of all ratings are of 1 book of 4" in figure.sentence
    assert figure.table.rows[-1] == ("100%", "4", "100.0%")


def test_low_ratings_are_counted_by_popularity_and_by_book(six) -> None:
    found = figures(ratings_section(six))
    rows = found["Low ratings by popularity"].table.rows
    assert list(rows) == [
        ("1 to 1", "1", "1", "0.0%"),
        ("1 to 1", "1", "1", "0.0%"),
        ("3 to 3", "1", "3", "33.3%"),
    ]
    worst = found["Books that are most often rated low"]
    assert worst.table.rows[0] == ("A", "3", "33.3%")
    assert worst.sentence.startswith("Of the 1 book with 3 ratings or more, “A”")


def test_the_title_of_a_hidden_book_is_not_told() -> None:
    book, other = books("Secret", "Other")
    book.is_hidden = True
    book.save()
    section = ratings_section(material_of([(1, book, 1), (2, other, 5)]))
    texts = [str(figure) for figure in section.figures]
    assert not any("Secret" in text for text in texts)
    assert any(f"hidden book {book.pk}" in text for text in texts)


def test_each_step_of_the_funnel_is_a_part_of_the_one_before(six) -> None:
    for _ in range(4):
        UserFactory()
    figure = figures(shelves_section(six))["From the to-read shelf to ratings"]
    # Readers 1, 2 and 9 keep a shelf; 1 and 2 of them have rated; nobody five.
    assert [row[1] for row in figure.table.rows] == ["4", "3", "2", "0", "0"]
    assert [row[3] for row in figure.table.rows] == ["100.0%", "75.0%", "66.7%", "0.0%", "-"]
    assert "1 reader rated without a to-read shelf" in figure.sentence


def test_the_most_wanted_book_is_first(six) -> None:
    UserFactory()
    figure = figures(shelves_section(six))["Most wanted books"]
    assert figure.table.rows[0] == ("Unread", "2", "0")
    assert "4 entries on to-read shelves name 3 books" in figure.sentence
    assert "1 book is wanted by more readers than have rated it." in figure.sentence


def test_growth_counts_what_has_a_time_and_says_what_has_none() -> None:
    day = datetime(2026, 3, 1, 12, tzinfo=UTC)
    alice = UserFactory(username="alice", date_joined=day)
    for number in (1, 1, 3):
        RatingFactory(user=alice, created_at=day.replace(day=number))
    RatingFactory(user=alice, created_at=None)
    ShelfEntryFactory(user=alice, added_at=day.replace(day=2))
    section = growth_section(material_of([], [], books("A")))
    assert section.missing == [
        "1 rating came with a data set that knows no times; what follows is about the others."
    ]
    [figure] = section.figures
    assert [tuple(row) for row in figure.table.rows] == [
        ("2026-03-01", "1", "2", "0"),
        ("2026-03-02", "0", "0", "1"),
        ("2026-03-03", "0", "1", "0"),
    ]
    assert "gained 1 account, 3 ratings and 1 shelf entry" in figure.sentence
    assert "The day of 2026-03-01 had the most ratings, 2." in figure.sentence


def test_many_years_are_shown_by_the_year() -> None:
    alice = UserFactory(date_joined=datetime(2001, 5, 1, tzinfo=UTC))
    RatingFactory(user=alice, created_at=datetime(2026, 5, 1, tzinfo=UTC))
    [figure] = growth_section(material_of([], [], books("A"))).figures
    assert [row[0] for row in figure.table.rows] == ["2001-01-01", "2026-01-01"]


def test_genres_and_decades_have_their_means() -> None:
    a, b, c = books("A", "B", "C")
    for book, year in ((a, 1994), (b, 1999), (c, -400)):
        book.publication_year = year
        book.save()
    horror, comic = (Genre.objects.create(slug=s, name=s.title()) for s in ("horror", "comic"))
    for book, genre in ((a, horror), (b, horror), (c, comic)):
        BookGenre.objects.create(book=book, genre=genre, share=1)
    for book, stars in ((a, 4), (a, 2), (b, 3), (c, 5)):
        RatingFactory(book=book, stars=stars)
    found = figures(books_section(gather()))
    assert list(found["Genres"].table.rows) == [
        ("Horror", "2", "3", "3.00"),
        ("Comic", "1", "1", "5.00"),
    ]
    assert "Comic is liked best (5.00 stars in the mean) and Horror least" in (
        found["Genres"].sentence
    )
    assert list(found["Decades of publication"].table.rows) == [
        ("older", "1", "1", "5.00"),
        ("1990s", "2", "3", "3.00"),
    ]
