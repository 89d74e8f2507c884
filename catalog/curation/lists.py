"""Editorial lists: books that a curator chose, in order, shown from one time to another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.curation.errors import CurationError
from catalog.curation.journal import Curator, Subject, record
from catalog.models import Book, CurationChange, EditorialEntry, EditorialList

# As many as a form of the administration may have rows.
MAX_BOOKS = 40
_FIELDS = ("title", "text", "title_de", "text_de", "is_pinned", "place")
_TIMES = ("starts_at", "ends_at")


def save_list(
    list_id: int | None,
    values: Mapping[str, Any],
    book_ids: Sequence[int],
    *,
    by: Curator,
    reason: str = "",
) -> EditorialList:
    """Make a list, or give one these values and books, in that order.

    Raises
    ------
    ValidationError
        With what is wrong by the value's name.
    CurationError
        When the list is gone.
    """
    books = list(dict.fromkeys(book_ids))
    with transaction.atomic():
        if list_id is None:
            shown = EditorialList()
            before = None
        else:
            found = EditorialList.objects.select_for_update().filter(pk=list_id).first()
            if found is None:
                raise CurationError("This list was deleted meanwhile.")
            shown, before = found, list_values(found)
        for name in (*_FIELDS, *_TIMES):
            if name in values:
                setattr(shown, name, values[name])
        shown.full_clean()
        _check_books(books)
        shown.save()
        _write_books(shown, books)
        after = list_values(shown)
        if after != before:
            record(
                list_subject(shown),
                "made" if before is None else "edited",
                by=by,
                reason=reason,
                before={"list": before},
                after={"list": after},
            )
    return shown


@transaction.atomic
def delete_list(list_id: int, *, by: Curator, reason: str = "") -> bool:
    """Delete a list; False when it was gone already. The journal can bring it back."""
    shown = EditorialList.objects.select_for_update().filter(pk=list_id).first()
    if shown is None:
        return False
    before, subject = list_values(shown), list_subject(shown)
    shown.delete()
    record(subject, "deleted", by=by, reason=reason, before={"list": before}, after={"list": None})
    return True


def _check_books(books: Sequence[int]) -> None:
    if not books:
        raise ValidationError({"books": "A list has at least one book."})
    if len(books) > MAX_BOOKS:
        raise ValidationError({"books": f"These are {len(books)} books; at most {MAX_BOOKS} fit."})
    known = set(Book.objects.filter(pk__in=books).values_list("pk", flat=True))
    if unknown := [book for book in books if book not in known]:
        numbers = ", ".join(map(str, unknown[:10]))
        raise ValidationError({"books": f"There is no book with the number {numbers}."})


def _write_books(shown: EditorialList, books: Sequence[int]) -> None:
    present = list(shown.entries.order_by("position").values_list("book_id", flat=True))
    if present == list(books):
        return
    shown.entries.all().delete()
    EditorialEntry.objects.bulk_create(
        EditorialEntry(editorial_list=shown, book_id=book, position=place)
        for place, book in enumerate(books)
    )


def list_subject(shown: EditorialList) -> Subject:
    return Subject(CurationChange.Subject.LIST, shown.pk, shown.title)


def list_values(shown: EditorialList | None) -> dict[str, Any] | None:
    """Return what the journal keeps of a list."""
    if shown is None:
        return None
    times = {name: getattr(shown, name) for name in _TIMES}
    return {
        **{name: getattr(shown, name) for name in _FIELDS},
        **{name: at.isoformat() if at else None for name, at in times.items()},
        "books": list(shown.entries.order_by("position").values_list("book_id", flat=True)),
    }


def restore_list(list_id: int, values: dict[str, Any] | None) -> None:
    """Bring a list to what the journal kept of it, less books deleted since; None: none."""
    if values is None:
        EditorialList.objects.filter(pk=list_id).delete()
        return
    times = {
        name: datetime.fromisoformat(values[name]) if values[name] else None for name in _TIMES
    }
    shown, _ = EditorialList.objects.update_or_create(
        pk=list_id, defaults={name: values[name] for name in _FIELDS} | times
    )
    known = set(Book.objects.filter(pk__in=values["books"]).values_list("pk", flat=True))
    _write_books(shown, [book for book in values["books"] if book in known])


@dataclass(frozen=True)
class ShownList:
    """A list as readers see it: the books that they may see, in order, at least one."""

    editorial: EditorialList
    books: list[Book]


def shown_lists(*, pinned: bool = False, list_id: int | None = None) -> list[ShownList]:
    """Return the lists that are shown now, in their order, with rows of books alone: one query.

    With `pinned`, those of the home page only; with an id, that one only.
    """
    now = timezone.now()
    entries = (
        EditorialEntry.objects.filter(
            Q(editorial_list__ends_at__isnull=True) | Q(editorial_list__ends_at__gt=now),
            editorial_list__starts_at__lte=now,
            book__is_hidden=False,
        )
        .select_related("editorial_list", "book")
        .defer("book__description", "book__search_text")
        .order_by("editorial_list__place", "-editorial_list_id", "position")
    )
    if pinned:
        entries = entries.filter(editorial_list__is_pinned=True)
    if list_id is not None:
        entries = entries.filter(editorial_list=list_id)
    shown: dict[int, ShownList] = {}
    for entry in entries:
        row = shown.setdefault(entry.editorial_list_id, ShownList(entry.editorial_list, []))
        row.books.append(entry.book)
    return list(shown.values())
