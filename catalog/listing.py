"""What a list in words says of books, in this process: id, title and authors."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from catalog.models import Authorship
from catalog.selectors import visible_books
from catalog.versions import PerVersion, Version


@dataclass(frozen=True, slots=True)
class ListedBook:
    pk: int
    title: str
    # Names, in the order of the cover.
    authors: tuple[str, ...]


def _visible_books() -> dict[int, ListedBook]:
    """Read them in one statement: one snapshot."""
    authors = Authorship.objects.filter(book=OuterRef("pk")).order_by("position")
    rows = visible_books().values_list("pk", "title", ArraySubquery(authors.values("author__name")))
    return {
        pk: ListedBook(pk, title, tuple(map(sys.intern, names)))
        for pk, title, names in rows.iterator()
    }


_listing = PerVersion(_visible_books)


def listed_books(version: Version | None = None) -> Mapping[int, ListedBook]:
    """Return the books that readers may see, by id, as they are now: one query, for the version.

    None when the version has just been read.
    """
    return _listing.current(version)
