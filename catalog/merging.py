"""The catalogue's part of a merge: what is said of the two books, and which of them is shown.

Opinions are not known here: `ratings.book_merges` calls this and moves them.
"""

from typing import Any

from django.db.models import Q

from catalog.book_genres import derive_genres
from catalog.models import Book, BookGenre, BookTag, EditorialEntry, EditorialList

# What undoing needs, as JSON.
Record = dict[str, Any]


def join_records(*, merged: Book, survivor: Book) -> Record:
    """Hide the one book behind the other, and add the tags of the one to the other's.

    Call it in a transaction that holds both books. Tags are counted together, genres follow from
    them, and the survivor takes the other's places in editorial lists. Titles, authors, series and
    the figures of Goodreads stay what each record says of itself. Returns what `part_records`
    needs.
    """
    record: Record = {
        "was_hidden": merged.is_hidden,
        "tags": _add_tags(merged.pk, survivor.pk),
        "genres": [_genres(survivor.pk)],
        "lists": _take_places(merged.pk, survivor.pk),
    }
    derive_genres("id = %s", [survivor.pk])
    record["genres"].append(_genres(survivor.pk))
    merged.is_hidden, merged.merged_into = True, survivor
    merged.save(update_fields=["is_hidden", "merged_into"])
    return record


def part_records(*, merged: Book, survivor: Book, record: Record) -> None:
    """Take back what `join_records` did; what was changed since stays as it is now."""
    merged.is_hidden, merged.merged_into = record["was_hidden"], None
    merged.save(update_fields=["is_hidden", "merged_into"])
    present = dict(BookTag.objects.filter(book=survivor).values_list("tag_id", "count"))
    unchanged = [row for row in record["tags"] if present.get(row[0]) == row[2]]
    BookTag.objects.filter(
        book=survivor, tag__in=[tag for tag, before, _ in unchanged if before is None]
    ).delete()
    again = {tag: before for tag, before, _ in unchanged if before is not None}
    rows = list(BookTag.objects.filter(book=survivor, tag__in=again))
    for row in rows:
        row.count = again[row.tag_id]
    BookTag.objects.bulk_update(rows, ["count"])
    before, after = record["genres"]
    if before != after and _genres(survivor.pk) == after:
        BookGenre.objects.filter(book=survivor).delete()
        BookGenre.objects.bulk_create(
            BookGenre(book=survivor, genre_id=genre, share=share) for genre, share in before
        )
    _give_places_back(merged.pk, survivor.pk, record["lists"])


def _add_tags(merged: int, survivor: int) -> list[list[int | None]]:
    """Add the counts up; return [tag, count before or None, count after] of each."""
    own = dict(BookTag.objects.filter(book=survivor).values_list("tag_id", "count"))
    added = BookTag.objects.filter(book=merged).order_by("tag_id").values_list("tag_id", "count")
    changes: list[list[int | None]] = []
    rows = []
    for tag, count in added:
        after = own.get(tag, 0) + count
        changes.append([tag, own.get(tag), after])
        rows.append(BookTag(book_id=survivor, tag_id=tag, count=after))
    BookTag.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["book", "tag"], update_fields=["count"]
    )
    return changes


def _genres(book: int) -> list[list[int | float]]:
    rows = BookGenre.objects.filter(book=book).order_by("genre_id")
    return [[genre, share] for genre, share in rows.values_list("genre_id", "share")]


def _take_places(merged: int, survivor: int) -> list[dict[str, Any]]:
    """Let the survivor stand where the merged book stood in editorial lists, once in each."""
    there = set(
        EditorialEntry.objects.filter(book=survivor).values_list("editorial_list_id", flat=True)
    )
    places = []
    for entry in EditorialEntry.objects.filter(book=merged).order_by("pk"):
        is_twice = entry.editorial_list_id in there
        places.append(
            {
                "list": entry.editorial_list_id,
                "position": entry.position,
                "entry": entry.pk,
                "was_removed": is_twice,
            }
        )
        if is_twice:
            entry.delete()
        else:
            entry.book_id = survivor
            entry.save(update_fields=["book"])
    return places


def _give_places_back(merged: int, survivor: int, places: list[dict[str, Any]]) -> None:
    """Undo that, in lists that a curator has not made otherwise since."""
    for place in places:
        in_list = EditorialEntry.objects.filter(editorial_list=place["list"])
        if not place["was_removed"]:
            in_list.filter(pk=place["entry"], book=survivor).update(book=merged)
        elif (
            EditorialList.objects.filter(pk=place["list"]).exists()
            and not in_list.filter(Q(position=place["position"]) | Q(book=merged)).exists()
        ):
            EditorialEntry.objects.create(
                pk=place["entry"],
                editorial_list_id=place["list"],
                book_id=merged,
                position=place["position"],
            )
