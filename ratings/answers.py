"""How a form that changes an opinion is answered: a part of the page to htmx, else a redirect."""

import re
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect, reswap, trigger_client_event

from accounts.models import User
from catalog.models import Book
from ratings.marks import marked_for
from ratings.opinions import opinions_of
from ratings.settled import settled_books

MAX_NEXT_LENGTH = 1000
MAX_LIST_ID_LENGTH = 2000
# What a page listens for to renew what it made from opinions. Detail: {"book": id}, and of a row
# of a list {"row": its place}.
OPINION_CHANGED = "opinion-changed"


def answer(request: HttpRequest, book: Book, part: str) -> HttpResponse:
    """Answer a change: with the template that shows it and the messages, or by the way back.

    A row of a list (field `row`: its place) gives way to a line that says what was settled, with
    the way to undo it; one that nothing was said of stays.
    """
    if not _is_htmx(request):
        return HttpResponseRedirect(return_address(request, book))
    detail = {"book": book.pk}
    place = request.POST.get("row", "")
    context: dict[str, Any] = {"return_to": return_address(request, book).split("#")[0]}
    if isinstance(request.user, User) and re.fullmatch(r"[0-9]{1,3}", place):
        detail["row"] = int(place)
        settled = settled_books(opinions_of(request.user), {book.pk: int(place)})
        context |= {"settled": settled[0] if settled else None, "is_row": True}
    else:
        looks = request.POST.get("look", "").split()
        context |= {
            "part": part,
            "mark": marked_for(request, [book])[0],
            "large": "large" in looks,
            "removable": "removable" in looks,
            "list_id": list_of(request),
        }
    response = render(request, "ratings/_answer.html", context)
    if context.get("is_row") and context["settled"] is None:
        reswap(response, "none")
    return trigger_client_event(response, OPINION_CHANGED, detail, after="swap")


def ask_to_log_in(request: HttpRequest, book: Book) -> HttpResponse:
    """Send a guest to log in, and back to the book's place on the page afterwards."""
    response = redirect_to_login(return_address(request, book))
    return HttpResponseClientRedirect(response.url) if _is_htmx(request) else response


def return_address(request: HttpRequest, book: Book) -> str:
    """Return where to go after the change: the book's card on the page that asked.

    Only an address of this site counts; anything else gives way to the book's own page.
    """
    wanted = request.POST.get("next", "")
    safe = len(wanted) <= MAX_NEXT_LENGTH and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    page = wanted.split("#")[0] if safe else book.get_absolute_url()
    return f"{page or book.get_absolute_url()}#book-{book.pk}"


def list_of(request: HttpRequest) -> str:
    """Return what a form says is the id of the list that it stands in; "" for none."""
    list_id = request.POST.get("list", "")
    return list_id if len(list_id) <= MAX_LIST_ID_LENGTH else ""


def _is_htmx(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]
