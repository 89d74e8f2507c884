"""Real data takes the place of the built-in set."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from catalog.models import Author, Book, DataImport, Series, Source, Tag
from catalog.text import normalize
from ratings.merging import merge_opinions
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry

# What a reader says of a book; a book of which one is left stays.
_OPINIONS = (Rating, ShelfEntry, Reading, Note, Dismissal)


@dataclass(frozen=True)
class Removed:
    """What went; kept books are built-in ones of which a reader of this site said something."""

    readers: int
    books: int
    kept_books: int
    # Books whose opinions went over to the same book of the real data.
    carried_over: int = 0


def remove_builtin_set() -> Removed | None:
    """Remove simulated readers, and built-in books without an opinion of a reader of this site.

    Returns None where there was nothing to remove.
    """
    readers = User.objects.filter(source=User.Source.SIMULATED)
    books = Book.objects.filter(source=Source.BUILTIN)
    n_readers = readers.count()
    for model in _OPINIONS:
        model._default_manager.filter(user__in=readers).delete()
    readers.delete()
    n_books = _delete_unused(books)
    DataImport.objects.filter(source=Source.BUILTIN).delete()
    if not n_readers and not n_books:
        return None
    return Removed(readers=n_readers, books=n_books, kept_books=books.count())


def carry_opinions_over(removed: Removed) -> Removed:
    """Give what site readers said of a built-in book to the same book of the real data.

    The same is a book of that title, or original title, by that first author. The built-in one
    is removed then; one without a match stays, so that no opinion is lost.
    """
    kept = {book.pk: book for book in Book.objects.filter(source=Source.BUILTIN)}
    twins = _twins(kept)
    for pk, twin in twins.items():
        merge_opinions(of=pk, into=twin)
    n_deleted = _delete_unused(Book.objects.filter(pk__in=twins))
    return replace(
        removed,
        books=removed.books + n_deleted,
        kept_books=removed.kept_books - n_deleted,
        carried_over=n_deleted,
    )


def _twins(kept: dict[int, Book]) -> dict[int, int]:
    """Return {id of a built-in book: id of the same real book, the most read one}."""
    wanted = {(normalize(book.title), _first_author(book)): pk for pk, book in kept.items()}
    real = (
        Book.objects.filter(source=Source.GOODBOOKS, authors__name__in=_author_names(kept))
        .order_by("ratings_count", "-id")
        .distinct()
    )
    twins: dict[int, int] = {}
    for book in real:
        author = _first_author(book)
        for title in (book.original_title, book.title):
            if (pk := wanted.get((normalize(title), author))) is not None:
                twins[pk] = book.pk
    return twins


def _author_names(books: dict[int, Book]) -> list[str]:
    return list(Author.objects.filter(books__in=books).values_list("name", flat=True).distinct())


def _first_author(book: Book) -> str:
    return normalize(book.authorships.values_list("author__name", flat=True).first() or "")


def _delete_unused(books: QuerySet[Book]) -> int:
    """Delete the books of which nobody said anything, and the names that only they had."""
    unused = books.exclude(
        reduce(
            or_, (Exists(model._default_manager.filter(book=OuterRef("pk"))) for model in _OPINIONS)
        )
    )
    n_books = unused.count()
    names = [
        (
            model,
            list(model.objects.filter(books__in=unused).distinct().values_list("pk", flat=True)),
        )
        for model in (Author, Series, Tag)
    ]
    unused.delete()
    for model, pks in names:
        model.objects.filter(pk__in=pks, books=None).delete()
    return n_books
