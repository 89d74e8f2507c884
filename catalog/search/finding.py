"""Looking something up: exact answers first, and for a near miss what was perhaps meant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from catalog.search.index import Index, Kind, Rank, short_forms
from catalog.search.isbn import as_isbn, both_forms
from catalog.search.near import Near, corrected, nearest
from catalog.search.words import query_text, query_words, raw_key, without_article

MAX_SUGGESTIONS = 7
# Of a near miss, so many of what may have been meant are tried for a correction.
_READINGS = 5
# So few results, none of them by its title, may not be what was meant.
_LITTLE = 3
_LIKE_NAME = 0.8


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a reader perhaps meant."""

    kind: Kind
    pk: int
    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """What a query finds in one version of the catalogue: primary keys, the best first."""

    books: tuple[int, ...] = ()
    authors: tuple[int, ...] = ()
    series: tuple[int, ...] = ()
    # The first so many books stand where they stand for a reason; the others by popularity.
    n_ranked: int = 0
    # The first so many books are of the very title.
    n_titled: int = 0
    # Nothing holds all words as they were typed; the books are what the reading finds.
    is_near_miss: bool = False
    # The query without its errors, normalized.
    reading: str = ""
    suggestions: tuple[Suggestion, ...] = ()


def look_up(index: Index, query: str) -> Matches:
    """Find books, authors and series in which every word of the query begins a word.

    First the book of that very title, original title, or title without article or subtitle; then
    titles that begin so and the books of an author or series called so; then the others; within
    each by popularity. An ISBN finds its books alone.
    """
    isbn = as_isbn(query)
    if isbn:
        places = sorted({place for form in both_forms(isbn) for place in index.with_isbn(form)})
        return _matches(index, places, n_ranked=len(places))
    text = query_text(query)
    if not text:
        signs = raw_key(query[:400])
        return _matches(index, sorted(index.named(signs)) if signs else [])
    required, _ = query_words(text)
    ranks = _titled(index, text)
    places = sorted({*index.with_all(required).tolist(), *ranks})
    if not places:
        return _near_miss(index, text, required)
    n_titled = sum(rank < Rank.BEGINS for rank in ranks.values())
    for place in (*_beginning(index, text, places), *_of_those_called(index, required, places)):
        ranks.setdefault(place, Rank.BEGINS)
    # Stable: within a rank they stay by popularity.
    places.sort(key=lambda place: ranks.get(place, Rank.WORDS))
    found = _matches(index, places, n_ranked=len(ranks), n_titled=n_titled)
    if len(places) <= _LITTLE and not ranks:
        beside = _beside(index, text, required, places)
        return replace(found, suggestions=_suggestions(index, beside))
    return found


def titles_like(index: Index, title: str) -> Matches:
    """Find the book of that very title; when there is none, books whose titles are like it.

    `books` holds those of the title; `suggestions` are of books alone, and only when there is
    none.
    """
    text = query_text(title)
    if as_isbn(title) or not text:
        return look_up(index, title)
    ranks = _titled(index, text)
    titled = sorted(ranks, key=lambda place: (ranks[place], place))
    if titled and ranks[titled[0]] < Rank.BEGINS:
        return _matches(index, titled, n_ranked=len(titled), n_titled=len(titled))
    required, _ = query_words(text)
    whole = index.with_all(required).tolist()
    near = _places(nearest(index, text, required))
    begin = sorted({*titled, *_beginning(index, text, whole)})
    likely = (*begin, *near, *whole)
    return Matches(
        is_near_miss=True,
        suggestions=_suggestions(index, [place for place in likely if index.is_book[place]]),
    )


def _titled(index: Index, text: str) -> dict[int, Rank]:
    """Return the books whose title the text is, with or without article and subtitle.

    "Sapiens" is a title; "Harry Potter", the series, is not that of "Harry Potter: Film Wizardry".
    """
    ranks: dict[int, Rank] = {}
    for key in short_forms(text):
        for place, rank in index.named(key).items():
            if index.is_book[place]:
                rank = rank if key == text else max(rank, Rank.SHORT_TITLE)
                ranks[place] = min(rank, ranks.get(place, rank))
    by_subtitle = [place for place, rank in ranks.items() if rank is Rank.BEGINS]
    if len(by_subtitle) == 1 and all(index.is_book[place] for place in index.named(text)):
        ranks[by_subtitle[0]] = Rank.SHORT_TITLE
    return ranks


def _beginning(index: Index, text: str, places: Iterable[int]) -> Iterator[int]:
    """Yield the books among these whose title begins with the text."""
    for place in places:
        if index.is_book[place]:
            name = index.names[place]
            if name.startswith(text) or without_article(name).startswith(text):
                yield place


def _of_those_called(index: Index, required: list[str], places: Iterable[int]) -> Iterator[int]:
    """Yield the books of the authors and series among these whose whole name was asked for.

    The words may come in any order, and initials with or without spaces between them.
    """
    length = sum(map(len, required))
    for place in places:
        if not index.is_book[place] and len(index.names[place].replace(" ", "")) == length:
            for book in index.entries[place].books:
                if book in index.book_places:
                    yield index.book_places[book]


def _near_miss(index: Index, text: str, required: list[str]) -> Matches:
    """Answer the likeliest correction of a query that finds nothing as it was typed."""
    near = nearest(index, text, required)
    sure = [item for item in near if item.is_whole]
    for item in sure[:_READINGS]:
        reading = corrected(index, text, required, item)
        answer = look_up(index, reading) if reading != text else Matches(is_near_miss=True)
        if not answer.is_near_miss:
            break
    else:
        return Matches(is_near_miss=True, suggestions=_suggestions(index, _places(near)))
    found = {
        *((Kind.BOOK, pk) for pk in answer.books),
        *((Kind.AUTHOR, pk) for pk in answer.authors),
        *((Kind.SERIES, pk) for pk in answer.series),
    }
    likely = [item for item in near if index.key(item.place) in found]
    return replace(
        answer,
        is_near_miss=True,
        reading=reading,
        suggestions=_suggestions(index, _places([*near[:1], *likely, *near])),
    )


def _beside(index: Index, text: str, required: list[str], places: list[int]) -> list[int]:
    """Return names that are like a query which found little, and that in passing: "steven king"."""
    known = set(places)
    return [
        near.place
        for near in nearest(index, text, required)
        if near.place not in known and near.is_whole and near.likeness >= _LIKE_NAME
    ]


def _places(near: Iterable[Near]) -> list[int]:
    return [item.place for item in near]


def _suggestions(index: Index, places: Iterable[int]) -> tuple[Suggestion, ...]:
    """Return the first few of these, each name once."""
    found: dict[str, Suggestion] = {}
    for place in places:
        entry = index.entries[place]
        name = index.names[place] or entry.name
        found.setdefault(name, Suggestion(entry.kind, entry.pk, entry.name))
        if len(found) == MAX_SUGGESTIONS:
            break
    return tuple(found.values())


def _matches(index: Index, places: list[int], *, n_ranked: int = 0, n_titled: int = 0) -> Matches:
    by_kind: dict[Kind, list[int]] = {kind: [] for kind in Kind}
    for place in places:
        by_kind[index.entries[place].kind].append(place)
    return Matches(
        books=_keys(index, by_kind[Kind.BOOK]),
        authors=_keys(index, by_kind[Kind.AUTHOR]),
        series=_keys(index, by_kind[Kind.SERIES]),
        n_ranked=n_ranked,
        n_titled=n_titled,
    )


def _keys(index: Index, places: Iterable[int]) -> tuple[int, ...]:
    return tuple(index.entries[place].pk for place in places)
