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

    Returns None where there was nothing to remove.
    """
    readers = User.objects.filter(source=User.Source.SIMULATED)
    books = Book.objects.filter(source=Source.BUILTIN)
    n_readers = readers.count()
    Rating.objects.filter(user__in=readers).delete()
    ShelfEntry.objects.filter(user__in=readers).delete()
    readers.delete()
    unused = books.exclude(
        Exists(Rating.objects.filter(book=OuterRef("pk")))
        | Exists(ShelfEntry.objects.filter(book=OuterRef("pk")))
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
    DataImport.objects.filter(source=Source.BUILTIN).delete()
    if not n_readers and not n_books:
        return None
    return Removed(readers=n_readers, books=n_books, kept_books=books.count())
