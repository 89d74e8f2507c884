"""The forms that change opinions from any page."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.models import User
from catalog.models import Book
from catalog.selectors import visible_books
from ratings.answers import answer, ask_to_log_in, list_of
from ratings.errors import BookGone, TooManyGuestRatings
from ratings.guest import rate_as_guest, remove_guest_rating
from ratings.services import rate_book, remove_rating, shelve_book, unshelve_book


@require_POST
def rate(request: HttpRequest, book_id: int) -> HttpResponse:
    """Give stars (field `stars`, 1..5) or take them back (`stars=remove`)."""
    book: Book = get_object_or_404(visible_books(), pk=book_id)
    stars = request.POST.get("stars", "")
    if not isinstance(request.user, User):
        _rate_as_guest(request, book)
    elif stars == "remove":
        if remove_rating(user=request.user, book=book):
            messages.success(
                request, _("Your stars for “%(title)s” are removed.") % {"title": book.title}
            )
    elif stars in ("1", "2", "3", "4", "5"):
        try:
            rate_book(user=request.user, book=book, stars=int(stars), list_id=list_of(request))
        except BookGone as error:
            raise Http404(str(error)) from error
        text = ngettext(
            "You gave “%(title)s” %(n)s star.", "You gave “%(title)s” %(n)s stars.", int(stars)
        )
        messages.success(request, text % {"title": book.title, "n": stars})
    else:
        messages.error(request, _("Nothing was saved: stars are whole numbers from 1 to 5."))
    return answer(request, book, "parts/stars.html")


def _rate_as_guest(request: HttpRequest, book: Book) -> None:
    """Do for the session of a guest what `rate` does for an account."""
    stars = request.POST.get("stars", "")
    if stars == "remove":
        if remove_guest_rating(request.session, book=book):
            messages.success(
                request, _("Your stars for “%(title)s” are removed.") % {"title": book.title}
            )
        return
    if stars not in ("1", "2", "3", "4", "5"):
        messages.error(request, _("Nothing was saved: stars are whole numbers from 1 to 5."))
        return
    try:
        rate_as_guest(request.session, book=book, stars=int(stars), list_id=list_of(request))
    except TooManyGuestRatings as error:
        messages.error(request, str(error))
        return
    text = ngettext(
        "You gave “%(title)s” %(n)s star. It is kept for this visit; sign up to keep it for good.",
        "You gave “%(title)s” %(n)s stars. They are kept for this visit; sign up to keep them "
        "for good.",
        int(stars),
    )
    messages.success(request, text % {"title": book.title, "n": stars})


@require_POST
def shelve(request: HttpRequest, book_id: int) -> HttpResponse:
    """Put the book on the to-read shelf (field `action`: add) or take it off (remove)."""
    book: Book = get_object_or_404(visible_books(), pk=book_id)
    named = {"title": book.title}
    if not isinstance(request.user, User):
        messages.info(request, _("Log in to keep “%(title)s” for later.") % named)
        return ask_to_log_in(request, book)
    action = request.POST.get("action", "")
    if action == "add":
        try:
            shelve_book(user=request.user, book=book)
        except BookGone as error:
            raise Http404(str(error)) from error
        messages.success(request, _("“%(title)s” is on your to-read shelf.") % named)
    elif action == "remove":
        if unshelve_book(user=request.user, book=book):
            messages.success(request, _("“%(title)s” is off your to-read shelf.") % named)
    else:
        messages.error(request, _("Nothing was changed: a book can be added or removed."))
    return answer(request, book, "parts/shelf.html")
