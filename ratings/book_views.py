"""Forms of a book's page: shelves, having read it, the private note."""

from collections.abc import Callable
from datetime import date
from functools import wraps

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from accounts.requests import ReaderRequest
from catalog.models import Book
from catalog.selectors import visible_books
from ratings.answers import ask_to_log_in
from ratings.errors import BookGone, InvalidShelf, NoteTooLong
from ratings.models import ShelfEntry
from ratings.own import own_opinion
from ratings.services import (
    mark_read,
    shelf_name,
    shelve_book,
    unmark_read,
    unshelve_book,
    write_note,
)

# Books have been printed for so long; a day before it is a slip of the pen.
FIRST_DAY = date(1900, 1, 1)

Change = Callable[[ReaderRequest, Book], None]
View = Callable[[HttpRequest, int], HttpResponse]


def _own_form(change: Change) -> View:
    """Make a view of a change to what a reader says of a book.

    It answers htmx with the reader's part of the page, and others by way of the page itself.
    """

    @require_POST
    @never_cache
    @wraps(change)
    def view(request: HttpRequest, book_id: int) -> HttpResponse:
        book: Book = get_object_or_404(visible_books(), pk=book_id)
        if not isinstance(request.user, User):
            messages.info(request, _("Log in to keep what you think of “%s”.") % book.title)
            return ask_to_log_in(request, book)
        try:
            change(request, book)  # type: ignore[arg-type]
        except BookGone as error:
            raise Http404(str(error)) from error
        except (InvalidShelf, NoteTooLong) as error:
            messages.error(request, str(error))
        if request.htmx:  # type: ignore[attr-defined]
            more: dict[str, object] = {"says_something": True, "open_more": "more" in request.POST}
            return _part(request, request.user, book, more)
        return HttpResponseRedirect(f"{book.get_absolute_url()}#yours")

    return view


@_own_form
def change_shelf(request: ReaderRequest, book: Book) -> None:
    """Put the book on a shelf (`shelf`, `action`: add) or take it off (remove)."""
    shelf = shelf_name(request.POST.get("shelf", ""))
    shown = dict(ShelfEntry.Shelf.choices).get(shelf, shelf)
    action = request.POST.get("action", "")
    if action == "add":
        shelve_book(user=request.user, book=book, shelf=shelf)
        messages.success(request, _("On your shelf: %s.") % shown)
    elif action == "remove":
        if unshelve_book(user=request.user, book=book, shelf=shelf):
            messages.success(request, _("Off your shelf: %s.") % shown)
    else:
        messages.error(request, _("Nothing was changed: a book can be added or removed."))


@_own_form
def change_read(request: ReaderRequest, book: Book) -> None:
    """Mark as read (`action`: add, `finished_on`: a day or empty), or take that back (remove)."""
    action = request.POST.get("action", "")
    if action == "remove":
        if unmark_read(user=request.user, book=book):
            messages.success(request, _("“%s” is no longer marked as read.") % book.title)
        return
    if action != "add":
        messages.error(request, _("Nothing was changed: a book can be marked as read or not."))
        return
    try:
        day = _read_day(request.POST.get("finished_on", ""))
    except ValueError:
        messages.error(request, _("Nothing was saved: that is no day until today."))
        return
    mark_read(user=request.user, book=book, finished_on=day)
    messages.success(request, _("You have read “%s”.") % book.title)


@_own_form
def change_note(request: ReaderRequest, book: Book) -> None:
    """Keep the note (`text`); an empty one is removed."""
    # Browsers send line ends as CR LF.
    text = request.POST.get("text", "").replace("\r\n", "\n")
    note = write_note(user=request.user, book=book, text=text)
    messages.success(request, _("Your note is saved.") if note else _("There is no note now."))


@require_GET
@never_cache
def yours(request: HttpRequest, book_id: int) -> HttpResponse:
    """Return the reader's part of a book's page, for one that changed otherwise."""
    book: Book = get_object_or_404(visible_books(), pk=book_id)
    if not isinstance(request.user, User):
        return redirect_to_login(book.get_absolute_url())
    if not request.htmx:  # type: ignore[attr-defined]
        return HttpResponseRedirect(f"{book.get_absolute_url()}#yours")
    return _part(request, request.user, book, {})


def _part(request: HttpRequest, user: User, book: Book, more: dict[str, object]) -> HttpResponse:
    context: dict[str, object] = {
        "book": book,
        "mine": own_opinion(user, book),
        "today": timezone.localdate(),
        "return_to": book.get_absolute_url(),
    }
    return render(request, "books/_yours_answer.html", context | more)


def _read_day(text: str) -> date | None:
    """Return the day of an ISO date, None for none; a day to come raises ValueError."""
    if not text.strip():
        return None
    if not text.isascii():
        raise ValueError("no date")
    day = date.fromisoformat(text.strip()[:40])
    # "Today" may have begun elsewhere: one day more than here.
    if not day >= FIRST_DAY or (day - timezone.localdate()).days > 1:
        raise ValueError("no day until today")
    return day
