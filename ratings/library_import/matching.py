"""Which book of the catalogue a row means. Never a guess: what is not certain is asked."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from django.utils.translation import gettext as _

from catalog.goodbooks.titles import parse_title
from catalog.merged import survivors
from catalog.models import Authorship, Book
from catalog.selectors import visible_books
from catalog.text import normalize
from ratings.library_import.entries import Entry
from ratings.library_import.isbns import canonical

MAX_CANDIDATES: Final = 10


@dataclass(frozen=True)
class Match:
    """The book, or those among which the reader has to choose and why."""

    book_id: int | None = None
    candidates: tuple[int, ...] = ()
    question: str = ""


class CatalogueIndex:
    """The visible books by everything that a file may know them by.

    Read once for an import: about a kilobyte a book.
    """

    def __init__(self) -> None:
        self._by_goodreads_id: dict[int, list[int]] = defaultdict(list)
        self._by_isbn: dict[str, list[int]] = defaultdict(list)
        self._by_title: dict[str, list[int]] = defaultdict(list)
        self._by_original_title: dict[str, list[int]] = defaultdict(list)
        # Every book has an entry, also one without authors.
        self._authors: dict[int, set[str]] = {}

    @classmethod
    def load(cls) -> Self:
        index = cls()
        books = visible_books().order_by("id")
        fields = books.values_list(
            "id", "goodreads_book_id", "best_book_id", "isbn10", "isbn13", "title", "original_title"
        )
        for pk, goodreads_id, best_id, isbn10, isbn13, title, original in fields.iterator():
            for number in {goodreads_id, best_id}:
                if number is not None:
                    index._by_goodreads_id[number].append(pk)
            for isbn in {canonical(isbn10), canonical(isbn13)} - {""}:
                index._by_isbn[isbn].append(pk)
            index._by_title[_key(title)].append(pk)
            index._authors[pk] = set()
            if original and _key(original) != _key(title):
                index._by_original_title[_key(original)].append(pk)
        index._add_numbers_of_merged_books()
        names = Authorship.objects.filter(book__is_hidden=False)
        for book_id, name in names.values_list("book_id", "author__name").iterator():
            index._authors.setdefault(book_id, set()).add(_key(name))
        return index

    def _add_numbers_of_merged_books(self) -> None:
        """Let the numbers of a merged book lead to the one that it is part of."""
        into = survivors()
        fields = ("id", "goodreads_book_id", "best_book_id", "isbn10", "isbn13")
        merged = Book.objects.filter(pk__in=into).order_by("id").values_list(*fields)
        for pk, goodreads_id, best_id, isbn10, isbn13 in merged:
            if (survivor := into[pk]) not in self._authors:
                continue  # hidden
            numbers: list[tuple[dict[Any, list[int]], Any]] = [
                *((self._by_goodreads_id, number) for number in {goodreads_id, best_id} - {None}),
                *((self._by_isbn, isbn) for isbn in {canonical(isbn10), canonical(isbn13)} - {""}),
            ]
            for index, number in numbers:
                if survivor not in index[number]:
                    index[number].append(survivor)

    def __contains__(self, book_id: object) -> bool:
        return book_id in self._authors

    def match(self, entry: Entry) -> Match:
        """Find the book by Goodreads id, then ISBN, then exact title and author."""
        by_id = self._by_goodreads_id.get(entry.goodreads_id or 0, [])
        by_isbn = _union(self._by_isbn.get(isbn, []) for isbn in entry.isbns)
        by_title = self._titled(entry)
        for found in (by_id, by_isbn, by_title):
            if len(found) > 1:
                # The same number twice in the catalogue, or one title twice: the others may tell.
                fitting = [pk for pk in found if self._agrees(pk, entry)]
                if len(fitting) != 1:
                    return _ask(found, _("More than one book fits; please choose."))
                found = fitting
            if not found:
                continue
            others = [pk for pk in _union((by_isbn, by_title)) if pk != found[0]]
            # A number of another site's, or a typing error: nothing else speaks for this book.
            if others and not self._resembles(found[0], entry):
                return _ask(
                    [found[0], *others],
                    _("The numbers in this row belong to different books; please choose."),
                )
            return Match(found[0])
        same_title = self._same_title(entry)
        if same_title:
            return _ask(same_title, _("A book of this title has another author; is it this one?"))
        return Match(question=_("No book here has this number, or this title and author."))

    def _titled(self, entry: Entry) -> list[int]:
        """Return the books of exactly that title by one of the authors, the real title first."""
        authors = {key for name in entry.authors if (key := _key(name))}
        for by_title in (self._by_title, self._by_original_title):
            found = _union(by_title.get(key, []) for key in _title_keys(entry.title))
            fitting = [pk for pk in found if authors & self._authors.get(pk, set())]
            if fitting:
                return fitting
        return []

    def _same_title(self, entry: Entry) -> list[int]:
        return _union(self._by_title.get(key, []) for key in _title_keys(entry.title))

    def _agrees(self, pk: int, entry: Entry) -> bool:
        """Whether the title and an author are this book's."""
        return pk in self._titled(entry)

    def _resembles(self, pk: int, entry: Entry) -> bool:
        """Whether the title or an author is this book's."""
        authors = {_key(name) for name in entry.authors}
        return bool(authors & self._authors.get(pk, set())) or pk in self._same_title(entry)


def _ask(found: Sequence[int], question: str) -> Match:
    return Match(candidates=tuple(found[:MAX_CANDIDATES]), question=question)


def _union(lists: Iterable[Sequence[int]]) -> list[int]:
    return list(dict.fromkeys(pk for found in lists for pk in found))


def _key(text: str) -> str:
    """Compare without spaces too: "J. R. R. Tolkien", "J.R.R. Tolkien" and "JRR Tolkien".

    Of a text of nothing but signs the signs are the key.
    """
    return normalize(text).replace(" ", "") or text.strip()


def _title_keys(title: str) -> list[str]:
    """The title as it stands, and without the "(Series, #1)" that Goodreads adds."""
    keys = dict.fromkeys(_key(text) for text in (title, parse_title(title).title))
    if title.endswith(")") and " (" in title:
        keys[_key(title.rpartition(" (")[0])] = None
    return [key for key in keys if key]
