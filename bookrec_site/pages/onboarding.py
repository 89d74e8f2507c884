"""The first steps of a new reader: books to rate, and the list that grows beside them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from bookrec_site.pages.asking import asking_page, list_part
from ratings.opinions import opinions_of

# In the session of a reader who does not want to be asked again until they log in anew.
DONE_KEY = "welcome_done"


@require_safe
@never_cache
def welcome(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        return redirect("try_out")
    return asking_page(
        request, opinions_of(request.user), page="welcome", template="onboarding/welcome.html"
    )


@require_safe
@never_cache
def welcome_list(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        return redirect("try_out_list")
    return list_part(request, opinions_of(request.user), page="welcome")


@require_POST
def welcome_done(request: HttpRequest) -> HttpResponse:
    """Lead home, which asks no more, however few books are rated."""
    if isinstance(request.user, User):
        request.session[DONE_KEY] = True
    return redirect("home")
