"""The page on which a reader reports a book or another reader's profile."""

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from rest_framework.request import Request

from accounts.models import User
from accounts.requests import ReaderRequest
from accounts.selectors import public_profile
from accounts.throttling import ReportThrottle, too_many_requests
from catalog.models import Book
from catalog.selectors import visible_books
from moderation.errors import ReportError
from moderation.forms import ReportForm
from moderation.services import report

if TYPE_CHECKING:
    from rest_framework.views import APIView


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def report_book(request: ReaderRequest, book_id: int) -> HttpResponse:
    book: Book = get_object_or_404(visible_books(), pk=book_id)
    return _report(request, book, book.title, book.get_absolute_url())


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def report_profile(request: ReaderRequest, username: str) -> HttpResponse:
    owner = public_profile(username, request.user)
    if owner is None or owner.pk == request.user.pk:
        raise Http404(_("There is no such reader, or their profile is private."))
    return _report(request, owner, owner.username, reverse("public_profile", args=[owner.username]))


def _report(request: ReaderRequest, of: Book | User, name: str, address: str) -> HttpResponse:
    form = ReportForm(request.POST or None, of=of)
    if request.method == "POST" and form.is_valid():
        if (wait := _wait(request)) is not None:
            return too_many_requests(request, wait)
        try:
            report(reporter=request.user, of=of, **form.cleaned_data)
        except ReportError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Thank you. Somebody will look at it."))
            return redirect(address)
    context = {"form": form, "name": name, "address": address, "is_book": isinstance(of, Book)}
    return render(request, "moderation/report.html", context, status=400 if form.errors else 200)


def _wait(request: HttpRequest) -> float | None:
    """Return for how many seconds the reader has to wait, None when they need not."""
    throttle = ReportThrottle()
    asked = Request(request)
    asked.user = request.user
    # The throttles of this project look at the request alone.
    if throttle.allow_request(asked, cast("APIView", None)):
        return None
    return throttle.wait() or 0.0
