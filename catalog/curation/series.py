"""Books moved from one series to another: mended, split, or numbered anew."""

from collections.abc import Mapping

from django.db import transaction

from catalog.curation.books import MAX_BOOKS_AT_ONCE, edit_book
from catalog.curation.errors import CurationError
from catalog.curation.journal import Curator
from catalog.models import Series, Volume


@transaction.atomic
def move_volumes(
    labels: Mapping[int, str],
    *,
    of: Series,
    to: str,
    by: Curator,
    reason: str = "",
) -> int:
    """Take books out of a series and put them into another one; return how many were moved.

    Some of a series' books moved to a new name split it; all of them rename it; to its own name
    with other labels they are numbered anew.

    Parameters
    ----------
    labels : the new number of each book by its id, as printed ("3", "1-3", "").
    of : the series that they are in; a book that is not is passed over.
    to : name of the other series, which is made where there is none; "" for no series at all.

    Raises
    ------
    ValidationError, CurationError
        When a name or number is too long, or these are too many books.
    """
    if len(labels) > MAX_BOOKS_AT_ONCE:
        raise CurationError(f"Move at most {MAX_BOOKS_AT_ONCE:,} books at once.")
    to = " ".join(to.split())
    places: dict[int, list[tuple[int, str, str]]] = {}
    rows = Volume.objects.filter(book__in=labels).order_by("book_id", "position")
    for book, series, name, label in rows.values_list(
        "book_id", "series_id", "series__name", "label"
    ):
        places.setdefault(book, []).append((series, name, label))
    n_moved = 0
    for book, present in places.items():
        if of.pk not in [series for series, _name, _label in present]:
            continue
        kept: dict[str, str] = {}
        for series, name, label in present:
            if series != of.pk:
                kept.setdefault(name, label)
            elif to:
                # The new one takes the place of the old one, also where the book is in both.
                kept[to] = labels[book]
        values = {"series": [[name, label] for name, label in kept.items()]}
        action = "moved to another series" if to != of.name else "numbered anew"
        n_moved += edit_book(book, values, by=by, reason=reason, action=action) is not None
    return n_moved
