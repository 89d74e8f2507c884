"""Other readers: public profiles, the anonymous readers of data sets, and who is like oneself."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.requests import ReaderRequest
from accounts.selectors import can_see_profile, can_see_ratings, can_see_shelves
from accounts.selectors import public_profile as visible_profile
from catalog.models import Book
from catalog.selectors import load_cards
from ratings.marks import MarkedBook, marked
from ratings.models import Rating, ShelfEntry
from ratings.profiles import SORT_NAMES, ratings_shown, shelf_shown, shelves_shown
from ratings.taste import LEAST_RATINGS, favourite_genres, rated_books, strictness
from recommender.like_minded import LikeMinded, like_minded_readers

ROWS_PER_PAGE = 30
GENRES_SHOWN = 5
# Addresses of the readers of data sets, who are data and not people with an account.
_DATA_SETS = {"goodbooks": User.Source.GOODBOOKS, "simulated": User.Source.SIMULATED}


def reader_name(reader: User) -> str:
    """Return what a reader is called in public."""
    if reader.source == User.Source.GOODBOOKS:
        return _("Reader %(number)s of goodbooks-10k") % {"number": reader.external_id}
    if reader.source == User.Source.SIMULATED:
        return _("Simulated reader %(number)s") % {"number": reader.external_id}
    return reader.username


def reader_address(reader: User) -> str:
    """Return the address of a reader's page."""
    for name, source in _DATA_SETS.items():
        if reader.source == source:
            return reverse("imported_reader", args=[name, reader.external_id])
    return reverse("public_profile", args=[reader.username])


@dataclass(frozen=True)
class LikeMindedRow:
    name: str
    address: str
    found: LikeMinded
    new: list[MarkedBook]


@require_safe
@never_cache
@login_required
def readers_like_me(request: ReaderRequest) -> HttpResponse:
    found = like_minded_readers(request.user)
    new = [book for reader in found.readers for book in reader.new]
    marks = {mark.book.pk: mark for mark in marked(request.user, new)}
    rows = [
        LikeMindedRow(
            reader_name(reader.user),
            reader_address(reader.user),
            reader,
            [marks[book.pk] for book in reader.new],
        )
        for reader in found.readers
    ]
    return render(request, "readers/like_me.html", {"rows": rows, "found": found})


@require_safe
@never_cache
def public_profile(request: HttpRequest, username: str) -> HttpResponse:
    """Show what others may see of a reader; to themselves as well, and then say so.

    Private, closed and unknown accounts are answered alike.
    """
    owner = visible_profile(username, request.user)
    if owner is None:
        raise Http404(_("There is no such reader, or their profile is private."))
    guest = AnonymousUser()
    context = {
        "is_preview": request.user.is_authenticated and request.user.pk == owner.pk,
        "is_public": can_see_profile(owner, guest),
    }
    return _profile(
        request,
        owner,
        # To oneself the page shows no more than to others.
        sees_ratings=can_see_ratings(owner, guest),
        sees_shelves=can_see_shelves(owner, guest),
        context=context,
    )


@require_safe
@never_cache
def imported_reader(request: HttpRequest, data_set: str, number: int) -> HttpResponse:
    """Show a reader of a data set: everything of them is rows of public files."""
    source = _DATA_SETS.get(data_set)
    if source is None or number >= 2**63:
        raise Http404(_("There is no such reader."))
    owner: User = get_object_or_404(User, source=source, external_id=number)
    context = {"is_public": True, "data_set": data_set}
    return _profile(request, owner, sees_ratings=True, sees_shelves=True, context=context)


def _profile(
    request: HttpRequest,
    owner: User,
    *,
    sees_ratings: bool,
    sees_shelves: bool,
    context: dict[str, Any],
) -> HttpResponse:
    rated = rated_books(owner) if sees_ratings else []
    shelves = shelves_shown(owner) if sees_shelves else {}
    shelf = request.GET.get("shelf", "")
    if shelf and shelf not in shelves:
        raise Http404(_("There is no such shelf."))
    # Someone whose ratings are private may still show a shelf.
    if not shelf and not sees_ratings:
        shelf = next(iter(shelves), "")
    sort = request.GET.get("sort", "")
    if sort not in SORT_NAMES:
        sort = "recent" if owner.source == User.Source.SITE else "best"
    rows: Any = (
        shelf_shown(owner, shelf)
        if shelf
        else ratings_shown(owner, sort)
        if sees_ratings
        else Rating.objects.none()
    )
    paginator = Paginator(rows, ROWS_PER_PAGE)
    # Counted above.
    paginator.count = shelves[shelf] if shelf else len(rated)
    page = paginator.get_page(request.GET.get("page"))
    listed = list(page.object_list)
    books: list[Book] = [row.book for row in listed]
    load_cards(books, with_series=False)
    stars = [None if shelf else row.stars for row in listed]
    labels = dict(ShelfEntry.Shelf.choices)
    genres = favourite_genres(owner) if len(rated) >= LEAST_RATINGS else []
    context |= {
        "owner": owner,
        "name": reader_name(owner),
        "sees_ratings": sees_ratings,
        "sees_shelves": sees_shelves,
        "n_ratings": len(rated),
        "mean_stars": sum(book.stars for book in rated) / len(rated) if rated else None,
        "strictness": strictness(rated),
        "genres": [genre for genre in genres if genre.weight > 0][:GENRES_SHOWN],
        "shelves": [(key, labels.get(key, key), n) for key, n in shelves.items()],
        "shelf": shelf,
        "sort": sort,
        "sort_choices": [
            (key, label)
            for key, label in SORT_NAMES.items()
            if key != "recent" or owner.source == User.Source.SITE
        ],
        "page": page,
        "rows": list(zip(marked(request.user, books), stars, strict=True)),
    }
    return render(request, "readers/profile.html", context)
