"""What others may read of a reader's opinions. Who may is asked of `accounts.selectors` first."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, F, QuerySet
from django.db.models.functions import Lower
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from ratings.models import Rating, ShelfEntry

SORT_NAMES: dict[str, str | Promise] = {
    "recent": _("Latest"),
    "best": _("Most stars"),
    "worst": _("Fewest stars"),
    "title": _("Title"),
}
_LATEST = F("updated_at").desc(nulls_last=True)
_SORTS: dict[str, list[Any]] = {
    "recent": [_LATEST, "-book__ratings_count", "-id"],
    "best": ["-stars", _LATEST, "-book__ratings_count", "-id"],
    "worst": ["stars", _LATEST, "-book__ratings_count", "-id"],
    "title": [Lower("book__title"), "id"],
}


def ratings_shown(owner: User, sort: str) -> QuerySet[Rating]:
    """Return the reader's ratings of visible books; `sort` is a key of SORT_NAMES."""
    ratings = Rating.objects.filter(user=owner, book__is_hidden=False)
    return _with_books(ratings).order_by(*_SORTS[sort])


def shelf_shown(owner: User, shelf: str) -> QuerySet[ShelfEntry]:
    """Return what stands on one of the reader's shelves, the latest first.

    The order tells nothing of stars, which may be private.
    """
    entries = ShelfEntry.objects.filter(user=owner, shelf=shelf, book__is_hidden=False)
    latest = F("added_at").desc(nulls_last=True)
    return _with_books(entries).order_by(latest, "-book__ratings_count", "-id")


def shelves_shown(owner: User) -> dict[str, int]:
    """Return how many visible books stand on each of the reader's shelves, own ones last."""
    counts: dict[str, int] = dict(
        ShelfEntry.objects.filter(user=owner, book__is_hidden=False)
        .order_by()
        .values_list("shelf")
        .annotate(n=Count("pk"))
    )
    states: Iterable[str] = (
        ShelfEntry.Shelf.READING,
        ShelfEntry.Shelf.TO_READ,
        ShelfEntry.Shelf.ABANDONED,
    )
    shown = {str(state): counts.pop(state) for state in states if state in counts}
    return shown | {name: counts[name] for name in sorted(counts, key=str.casefold)}


def _with_books(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_related("book").defer("book__description", "book__search_text")
