"""Real data takes the place of the built-in set."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from accounts.models import User
from catalog.models import Author, Book, DataImport, Series, Source, Tag
from ratings.models import Rating, ShelfEntry


@dataclass(frozen=True)
class Removed:
    readers: int
    books: int
    # Built-in books that a reader of this site rated or shelved.
    kept_books: int


def remove_builtin_set() -> Removed | None:
    """Remove simulated readers, and built-in books without an opinion of a reader of this site.

    Returns None where there was nothing of the built-in set.
    """
    readers = User.objects.filter(source=User.Source.SIMULATED)
    books = Book.objects.filter(source=Source.BUILTIN)
    if not readers.exists() and not books.exists():
        return None
    Rating.objects.filter(user__in=readers).delete()
    ShelfEntry.objects.filter(user__in=readers).delete()
    n_readers = readers.count()
    readers.delete()
    unused = books.exclude(
        Exists(Rating.objects.filter(book=OuterRef("pk")))
        | Exists(ShelfEntry.objects.filter(book=OuterRef("pk")))
    )
    names = [
        (
            model,
            list(model.objects.filter(books__in=unused).distinct().values_list("pk", flat=True)),
        )
        for model in (Author, Series, Tag)
    ]
    n_books = unused.count()
    unused.delete()
    for model, pks in names:
        model.objects.filter(pk__in=pks, books=None).delete()
    DataImport.objects.filter(source=Source.BUILTIN).delete()
    return Removed(readers=n_readers, books=n_books, kept_books=books.count())
