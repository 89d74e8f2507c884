"""The page of everything a reader has, and the forms that change many of these books at once."""

import re
from collections.abc import Callable
from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.requests import ReaderRequest
from catalog.selectors import load_cards, visible_books
from ratings import bulk
from ratings.errors import (
    BooksUnknown,
    InvalidDay,
    InvalidStars,
    NothingToRemove,
    RatingError,
    TooManyBooks,
)
from ratings.models import ShelfEntry
from ratings.my_books import (
    DISMISSED,
    GROUP_NAMES,
    NO_STARS,
    SORT_NAMES,
    Choice,
    chosen_books,
    counts_of,
    genres_of,
    own_shelf_names,
    read_choice,
    with_marks,
)
from ratings.services import shelf_name

ROWS_PER_PAGE = 30
TITLES_TO_CONFIRM = 5
# Of the list that a form was sent from: its address after "?".
MAX_LIST_LENGTH = 2000


@require_safe
@never_cache
@login_required
def my_books(request: ReaderRequest) -> HttpResponse:
    choice = read_choice(request.GET)
    counts = counts_of(request.user)
    if choice.own_shelf and choice.own_shelf not in counts.own_shelves:
        raise Http404(_("You have no such shelf."))
    page = Paginator(chosen_books(request.user, choice), ROWS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    rows = with_marks(request.user, page.object_list)
    load_cards([row.mark.book for row in rows], with_series=False)
    context = {
        "choice": choice,
        "heading": choice.own_shelf or GROUP_NAMES[choice.group],
        "groups": [(key, name, counts.groups[key]) for key, name in GROUP_NAMES.items()],
        "own_shelves": counts.own_shelves,
        "star_counts": [(n, counts.stars.get(n, 0)) for n in (5, 4, 3, 2, 1, NO_STARS)],
        "n_all": counts.groups["all"] + counts.groups[DISMISSED],
        "genres": genres_of(request.user),
        "sort_choices": SORT_NAMES.items(),
        "shelf_choices": ShelfEntry.Shelf.choices,
        "page": page,
        "rows": rows,
        "are_ticked": request.GET.get("ticked") == "all",
        "is_dismissed": choice.group == DISMISSED,
        "list_address": _kept(request.GET).urlencode(),
        "max_books": bulk.MAX_BOOKS,
    }
    return render(request, "mine/my_books.html", context)


@require_safe
def old_address(request: HttpRequest, shelf: str) -> HttpResponse:
    """Send `/ratings/` and `/to-read/`, as they once were, to where their books are now."""
    params = QueryDict(mutable=True)
    params["shelf"] = shelf
    for name in ("sort", "page"):
        if value := request.GET.get(name):
            params[name] = value[:20]
    return HttpResponsePermanentRedirect(f"{reverse('my_books')}?{params.urlencode()}")


@require_POST
@never_cache
def edit_my_books(request: HttpRequest) -> HttpResponse:
    """Do one thing to many books: those ticked (fields `books`), or the `whole_list`."""
    if not isinstance(request.user, User):
        return redirect_to_login(reverse("my_books"))
    user = request.user
    sent_from = _kept(QueryDict(request.POST.get("list", "")[:MAX_LIST_LENGTH]))
    back = HttpResponseRedirect(f"{reverse('my_books')}?{sent_from.urlencode()}")
    action = request.POST.get("action", "")
    try:
        ids = _book_ids(user, request.POST, read_choice(sent_from))
        if action in _REMOVALS and request.POST.get("confirmed") != "yes":
            return _confirm_removal(request, user, action, ids, sent_from)
        if action not in _ACTIONS:
            messages.error(request, _("Nothing was changed: choose what to do with the books."))
        else:
            messages.success(request, _ACTIONS[action](user, ids, request.POST))
    except RatingError as error:
        messages.error(request, str(error))
    return back


def _book_ids(user: User, fields: QueryDict, choice: Choice) -> list[int]:
    if fields.get("whole_list"):
        listed = chosen_books(user, choice).order_by().values_list("pk", flat=True)
        found = list(listed[: bulk.MAX_BOOKS + 1])
        if len(found) > bulk.MAX_BOOKS:
            raise TooManyBooks(listed.count(), bulk.MAX_BOOKS)
        return found
    # Ticked boxes come one by one, those of a page that asks again in one field.
    texts = [text for value in fields.getlist("books") for text in value.split(",")]
    ids = [int(text) for text in texts if re.fullmatch(r"[0-9]{1,18}", text)]
    if len(ids) < len(texts):
        raise BooksUnknown(len(texts) - len(ids))
    return ids


def _kept(params: QueryDict) -> QueryDict:
    """Return the parts of a list's address that say which list it is."""
    kept = QueryDict(mutable=True)
    for name in ("shelf", "own", "stars", "genre", "from", "to", "read_in", "q", "sort", "page"):
        if value := params.get(name, "").replace("\0", ""):
            kept[name] = value[:200]
    return kept


def _rate(user: User, ids: list[int], fields: QueryDict) -> str:
    stars = fields.get("stars", "")
    if stars not in ("1", "2", "3", "4", "5"):
        raise InvalidStars(stars)
    n = bulk.rate_books(user=user, book_ids=ids, stars=int(stars))
    given = ngettext("%(n)s star", "%(n)s stars", int(stars)) % {"n": stars}
    text = ngettext("One book has %(stars)s now.", "%(n)s books have %(stars)s now.", n)
    return text % {"n": n, "stars": given}


def _shelve(user: User, ids: list[int], fields: QueryDict) -> str:
    return _put_on(user, ids, fields.get("shelf", ""))


def _shelve_new(user: User, ids: list[int], fields: QueryDict) -> str:
    return _put_on(user, ids, fields.get("new_shelf", ""))


def _put_on(user: User, ids: list[int], shelf: str) -> str:
    n = bulk.shelve_books(user=user, book_ids=ids, shelf=shelf)
    text = ngettext("One book is on “%(shelf)s” now.", "%(n)s books are on “%(shelf)s” now.", n)
    return text % {"n": n, "shelf": _shelf_label(shelf)}


def _unshelve(user: User, ids: list[int], fields: QueryDict) -> str:
    shelf = fields.get("shelf", "").replace("\0", "")
    n = bulk.unshelve_books(user=user, book_ids=ids, shelf=shelf)
    text = ngettext("One book is off “%(shelf)s”.", "%(n)s books are off “%(shelf)s”.", n)
    return text % {"n": n, "shelf": _shelf_label(shelf)}


def _mark_read(user: User, ids: list[int], fields: QueryDict) -> str:
    given = fields.get("finished_on", "")
    n = bulk.mark_books_read(user=user, book_ids=ids, finished_on=_day(given))
    return ngettext("One book is marked as read.", "%(n)s books are marked as read.", n) % {"n": n}


def _remove_stars(user: User, ids: list[int], fields: QueryDict) -> str:
    n = bulk.remove_ratings(user=user, book_ids=ids)
    return ngettext("The stars of one book are gone.", "The stars of %(n)s books are gone.", n) % {
        "n": n
    }


def _remove(user: User, ids: list[int], fields: QueryDict) -> str:
    n = bulk.remove_books(user=user, book_ids=ids).books
    text = ngettext("One book has left your books.", "%(n)s books have left your books.", n)
    return text % {"n": n}


def _restore(user: User, ids: list[int], fields: QueryDict) -> str:
    n = bulk.undo_dismissals(user=user, book_ids=ids)
    text = ngettext(
        "One book may be recommended again.", "%(n)s books may be recommended again.", n
    )
    return text % {"n": n}


_ACTIONS: dict[str, Callable[[User, list[int], QueryDict], str]] = {
    "rate": _rate,
    "shelve": _shelve,
    "shelve_new": _shelve_new,
    "unshelve": _unshelve,
    "read": _mark_read,
    "remove_stars": _remove_stars,
    "remove": _remove,
    "restore": _restore,
}
_REMOVALS = ("remove_stars", "remove")


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = parse_date(text) if text.isascii() else None
    except ValueError:
        day = None
    if day is None:
        raise InvalidDay(text)
    return day


def _shelf_label(shelf: str) -> str:
    return str(dict(ShelfEntry.Shelf.choices).get(shelf, shelf))


def _confirm_removal(
    request: HttpRequest, user: User, action: str, ids: list[int], sent_from: QueryDict
) -> HttpResponse:
    removal = bulk.what_goes(user=user, book_ids=ids)
    if not removal.ratings if action == "remove_stars" else not removal.books:
        raise NothingToRemove
    titles = visible_books().filter(pk__in=ids).order_by("title", "id")
    shown = list(titles.values_list("title", flat=True)[:TITLES_TO_CONFIRM])
    context = {
        "action": action,
        "removal": removal,
        "titles": shown,
        "n_more": len(ids) - len(shown),
        "books": ",".join(map(str, ids)),
        "list_address": sent_from.urlencode(),
    }
    return render(request, "mine/confirm_removal.html", context)


@require_POST
@never_cache
def edit_shelf(request: HttpRequest) -> HttpResponse:
    """Rename one of the reader's own shelves (field `shelf`) to `name`, or delete it."""
    if not isinstance(request.user, User):
        return redirect_to_login(reverse("my_books"))
    user = request.user
    shelf, action = request.POST.get("shelf", ""), request.POST.get("action", "")
    if shelf not in own_shelf_names(user):
        raise Http404(_("You have no such shelf."))
    params = QueryDict(mutable=True)
    params["own"] = shelf
    try:
        if action == "rename":
            name = request.POST.get("name", "")
            bulk.rename_shelf(user=user, shelf=shelf, name=name)
            params["own"] = shelf_name(name)
            text = _("The shelf is called “%(name)s” now.")
            messages.success(request, text % {"name": params["own"]})
        elif action == "delete" and request.POST.get("confirmed") != "yes":
            n_books = counts_of(user).own_shelves.get(shelf, 0)
            return render(request, "mine/confirm_shelf.html", {"shelf": shelf, "n_books": n_books})
        elif action == "delete":
            bulk.delete_shelf(user=user, shelf=shelf)
            params.clear()
            messages.success(request, _("The shelf “%(name)s” is gone.") % {"name": shelf})
        else:
            messages.error(request, _("Nothing was changed: a shelf can be renamed or deleted."))
    except RatingError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(f"{reverse('my_books')}?{params.urlencode()}")
