"""Books that turned out to be another one: hidden, and known by the book that they are part of."""

from django.db import connection

from catalog.models import Book


def survivors() -> dict[int, int]:
    """Return {id of a merged book: id of the book that has its opinions now}, of all of them.

    A book may have been merged into one that was merged itself later.
    """
    into = dict(Book.objects.filter(merged_into__isnull=False).values_list("pk", "merged_into_id"))
    return {pk: _end(into, pk) for pk in into}


def survivor_of(book_id: int) -> int | None:
    """Return the id of the book that a merged one is part of; None when it is not merged."""
    found, seen = None, {book_id}
    while (into := _merged_into(found or book_id)) is not None and into not in seen:
        found = into
        seen.add(into)
    return found


def hold_books(book_ids: "set[int] | list[int]") -> dict[int, int]:
    """Keep books from being merged or deleted until the transaction's end.

    Returns {id: id of the book that has its opinions now}, the id itself for a book that is not
    merged; a book that is gone is left out. Whoever writes an opinion asks this first: a merge
    waits for those who hold a book, and they for a merge. Readers do not wait for each other.
    """
    held: dict[int, int | None] = {}
    wanted = set(book_ids)
    with connection.cursor() as cursor:
        while wanted:
            cursor.execute(
                "SELECT id, merged_into_id FROM catalog_book WHERE id = ANY(%s) "
                "ORDER BY id FOR KEY SHARE",
                [sorted(wanted)],
            )
            found = dict(cursor.fetchall())
            held |= found
            wanted = {into for into in found.values() if into is not None} - held.keys()
    into = {pk: other for pk, other in held.items() if other is not None}
    return {pk: _end(into, pk) for pk in set(book_ids) & held.keys()}


def _merged_into(book_id: int) -> int | None:
    found: int | None = (
        Book.objects.filter(pk=book_id).values_list("merged_into_id", flat=True).first()
    )
    return found


def _end(into: dict[int, int], pk: int) -> int:
    # Merging refuses what is merged already, so there is no circle.
    while pk in into:
        pk = into[pk]
    return pk
