"""Typing errors, forgiven; nonsense, not answered with other nonsense."""

import random
from itertools import pairwise

import pytest

from catalog.builtin.library import load_library
from catalog.search import MAX_SUGGESTIONS, Kind
from catalog.search.finding import look_up, titles_like
from catalog.search.index import Index, entry_of
from catalog.search.words import comparable, words_of_name
from catalog.tests.misspelling import can_be_misspelt, misspelt


@pytest.fixture(scope="module")
def index() -> Index:
    """The books that come with the site, their authors and series; no database."""
    books = load_library()
    entries = []
    by_author: dict[str, list[int]] = {}
    by_series: dict[str, list[int]] = {}
    for number, book in enumerate(books, start=1):
        words: set[str] = set()
        for name in book.authors.split(", "):
            by_author.setdefault(name, []).append(number)
            words |= words_of_name(name)
        if book.series:
            by_series.setdefault(book.series, []).append(number)
            words |= words_of_name(book.series)
            words.add(book.series_number)
        entries.append(
            entry_of(Kind.BOOK, number, book.title, 1000 * 10**book.fame - number, words=words)
        )
    for kind, groups in ((Kind.AUTHOR, by_author), (Kind.SERIES, by_series)):
        for number, (name, of) in enumerate(groups.items(), start=1):
            popularity = sum(1000 * 10 ** books[pk - 1].fame for pk in of)
            entries.append(entry_of(kind, number, name, popularity, books=tuple(of)))
    return Index(entries)


def title_of(index, pk) -> str:
    return index.entries[index.book_places[pk]].name


def shown(index, query) -> list[str]:
    """What the first screen offers: suggestions, then books."""
    found = look_up(index, query)
    return [item.text for item in found.suggestions] + [
        title_of(index, pk) for pk in found.books[:12]
    ]


@pytest.mark.parametrize(
    ("query", "suggestion", "book"),
    [
        ("Harry Poter", "Harry Potter", "Harry Potter and the Philosopher's Stone"),
        ("hary poter", "Harry Potter", "Harry Potter and the Philosopher's Stone"),
        ("Tolkein", "J.R.R. Tolkien", "The Hobbit"),
        ("murakmi kafka", "Kafka on the Shore", "Kafka on the Shore"),
        ("kafka murakmi", "Kafka on the Shore", "Kafka on the Shore"),
        ("harrypotter", "Harry Potter", "Harry Potter and the Philosopher's Stone"),
        ("the hobit", "The Hobbit", "The Hobbit"),
        ("to kill a mocking bird", "To Kill a Mockingbird", "To Kill a Mockingbird"),
        ("pride & predjudice", "Pride and Prejudice", "Pride and Prejudice"),
        ("dostoyevski crime", "Crime and Punishment", "Crime and Punishment"),
        ("waiting for godto", "Waiting for Godot", "Waiting for Godot"),
    ],
)
def test_a_near_miss_finds_and_suggests_what_was_meant(index, query, suggestion, book):
    found = look_up(index, query)
    assert found.is_near_miss
    assert found.suggestions[0].text == suggestion
    assert book in [title_of(index, pk) for pk in found.books]


def test_the_number_in_a_series_counts_beside_an_error(index):
    found = look_up(index, "hary poter 3")
    assert [title_of(index, pk) for pk in found.books] == [
        "Harry Potter and the Prisoner of Azkaban"
    ]


@pytest.mark.parametrize(
    "query",
    ["xqzwv", "asdfghjkl", "qwrtzp", "zzzz", "blorptastic wug", "kjh kjh kjh", "0000", "哈利", "ѣ"],
)
def test_nonsense_finds_and_suggests_nothing(index, query):
    found = look_up(index, query)
    assert found.books == found.authors == found.series == found.suggestions == ()


@pytest.mark.parametrize(
    "query", ["Harry Poter", "Tolkein", "the shinning", "agata cristie", "mistborm"]
)
def test_suggestions_are_seven_at_most_and_never_the_same_twice(index, query):
    suggestions = look_up(index, query).suggestions
    assert 1 <= len(suggestions) <= MAX_SUGGESTIONS
    assert len({comparable(item.text) for item in suggestions}) == len(suggestions)


def test_every_title_as_it_is_written_finds_its_book_first(index):
    books = [entry for entry in index.entries if entry.kind is Kind.BOOK]
    for book in books:
        found = look_up(index, book.name)
        first = index.entries[index.book_places[found.books[0]]]
        assert comparable(first.name) == comparable(book.name)
        assert not found.is_near_miss
        assert titles_like(index, book.name).books[0] == first.pk


@pytest.mark.parametrize("kind", [Kind.BOOK, Kind.AUTHOR])
def test_ninety_five_of_a_hundred_misspelt_names_show_what_was_meant(index, kind):
    rng = random.Random(8)
    names = [e.name for e in index.entries if e.kind is kind and can_be_misspelt(e.name)]
    asked = [(name, misspelt(name, rng)) for name in rng.sample(names, 300)]
    missed = []
    for name, typed in asked:
        answers = shown(index, typed)
        found = look_up(index, typed)
        answers += [
            e.name for e in index.entries if e.kind is Kind.AUTHOR and e.pk in found.authors
        ]
        if name not in answers:
            missed.append((typed, name))
    assert len(missed) <= 15, missed


@pytest.mark.parametrize(
    "query",
    [
        "a" * 10_000,
        "harry poter " * 1000,
        " ".join(f"tolkein{n}" for n in range(1000)),
        "п" * 5000,
        "\0" * 500,
        "harry\0poter",
        "🙂" * 300,
        "'" * 300,
        "l'" * 200,
        "&" * 300,
        "ﷺ" * 200,
        "٣٣٣",
        "\ud800",
        "é" * 500,
        "of the and a",
        "x y z q w v j k",
    ],
)
def test_a_hostile_query_is_answered(index, query):
    assert len(look_up(index, query).suggestions) <= MAX_SUGGESTIONS
    assert len(titles_like(index, query).suggestions) <= MAX_SUGGESTIONS


def test_an_empty_catalogue_finds_nothing():
    nothing = Index([])
    assert look_up(nothing, "dune").books == titles_like(nothing, "dune").suggestions == ()


def test_words_stand_beside_their_entries_in_order(index):
    assert all(first < second for first, second in pairwise(index.vocabulary))
    for word in ("harry", "potter", "dune"):
        having = [place for place, e in enumerate(index.entries) if word in e.words]
        assert index.with_word(word).tolist() == having
        beginning = {
            place
            for place, e in enumerate(index.entries)
            if any(other.startswith(word) for other in e.words)
        }
        assert set(index.beginning_with(word).tolist()) == beginning
    assert index.with_word("nosuchword").tolist() == []
