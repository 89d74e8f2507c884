"""Which books are proposed as one, and which only look alike."""

import pytest

from catalog.models import Volume
from catalog.tests.factories import BookFactory
from catalog.twins import Twins, find_twins, say_different

pytestmark = pytest.mark.django_db


def pairs() -> list[tuple[int, int, str]]:
    return [(found.first, found.second, found.reason) for found in find_twins()]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("'Salem's Lot", "’Salem’s Lot", "title"),
        ("The Firm (Penguin Readers, Level 5)", "The Firm", "edition"),
        ("Les Misérables", "LES MISERABLES", "title"),
        ("The Hobbit", "Hobbit", "title"),
    ],
)
def test_the_same_title_and_author_are_proposed(first, second, reason):
    one, other = (BookFactory(title=title, authors=["J. Doe"]) for title in (first, second))
    BookFactory(title=first, authors=["Somebody Else"])
    assert pairs() == [(one.pk, other.pk, reason)]


def test_one_isbn_in_two_forms_is_one_book():
    one = BookFactory(title="Dune", isbn10="0441013597")
    other = BookFactory(title="Der Wüstenplanet", authors=["F. H."], isbn13="9780441013593")
    # A check digit that is wrong says nothing.
    BookFactory(title="Another", isbn13="9780441013594")
    assert pairs() == [(one.pk, other.pk, "isbn")]


def test_volumes_of_series_are_not_one_book_for_their_title():
    """As "Avatar: The Last Airbender", and the fifth Harry Potter and its first part."""
    for series in ("The Search", "The Promise"):
        BookFactory(title="Avatar", series=series, series__number=1)
    for number in (5, 6):
        BookFactory(title="Order", series="Potter", series__number=number)
    assert pairs() == []


def test_the_same_volume_twice_is_proposed_and_so_is_one_without_a_series():
    whole = BookFactory(title="Magician", series="Riftwar", series__number=1)
    again = BookFactory(title="Magician", series="Riftwar", series__number=1)
    loose = BookFactory(title="Magician")
    Volume.objects.filter(book=again).update(label=Volume.objects.get(book=whole).label)
    assert [pair[:2] for pair in pairs()] == [
        (whole.pk, again.pk),
        (whole.pk, loose.pk),
        (again.pk, loose.pk),
    ]


def test_what_was_said_to_be_different_or_is_hidden_is_not_proposed(django_assert_num_queries):
    one, other, hidden = (BookFactory(title="Same") for _ in range(3))
    hidden.is_hidden = True
    hidden.save()
    with django_assert_num_queries(4):
        assert find_twins() == [Twins(one.pk, other.pk, "title")]
    for _ in range(2):
        say_different(other.pk, one.pk, by=None)
    assert find_twins() == []
