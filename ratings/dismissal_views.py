"""Books that a reader is not interested in: dismissed, listed, and let back in."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.requests import ReaderRequest
from catalog.models import Book
from catalog.selectors import load_cards, visible_books
from ratings.answers import answer, ask_to_log_in
from ratings.errors import BookGone
from ratings.selectors import dismissals_for_user
from ratings.services import dismiss_book, undo_dismissal

ROWS_PER_PAGE = 30
_DISMISS_PART = "parts/dismiss.html"


@require_POST
def dismiss(request: HttpRequest, book_id: int) -> HttpResponse:
    """Hide the book from the reader's lists for good."""
    book: Book = get_object_or_404(visible_books(), pk=book_id)
    if not isinstance(request.user, User):
        messages.info(request, _("Log in to hide “%(title)s”.") % {"title": book.title})
        return ask_to_log_in(request, book)
    try:
        dismiss_book(user=request.user, book=book)
    except BookGone as error:
        raise Http404(str(error)) from error
    text = _("“%(title)s” is hidden from your lists. Books like it will come up less.")
    messages.success(request, text % {"title": book.title})
    return answer(request, book, _DISMISS_PART)


@require_POST
def undo_dismiss(request: HttpRequest, book_id: int) -> HttpResponse:
    """Let the book be recommended again; doing so twice changes nothing."""
    book: Book = get_object_or_404(visible_books(), pk=book_id)
    if not isinstance(request.user, User):
        messages.info(request, _("Log in to change your lists."))
        return ask_to_log_in(request, book)
    if undo_dismissal(user=request.user, book=book):
        text = _("“%(title)s” may be recommended again.")
        messages.success(request, text % {"title": book.title})
    return answer(request, book, _DISMISS_PART)


@require_safe
@never_cache
@login_required
def dismissed(request: ReaderRequest) -> HttpResponse:
    """List what is hidden, the latest first, each with the way back."""
    dismissals = dismissals_for_user(request.user).filter(book__is_hidden=False)
    page = Paginator(dismissals, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    books = [dismissal.book for dismissal in page.object_list]
    load_cards(books, with_series=False)
    return render(request, "ratings/dismissed.html", {"page": page, "books": books})
