"""The site without an account: a few stars, kept in the session, and ten books at once."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from bookrec_site.pages.asking import asking_page, list_part
from ratings.guest import forget_guest_stars, guest_opinions


@require_safe
@never_cache
def try_out(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, User):
        return redirect("welcome")
    return asking_page(
        request, guest_opinions(request.session), page="try_out", template="tryout/try_out.html"
    )


@require_safe
@never_cache
def try_out_list(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, User):
        return redirect("welcome_list")
    return list_part(request, guest_opinions(request.session), page="try_out")


@require_POST
def start_over(request: HttpRequest) -> HttpResponse:
    """Forget a guest's stars."""
    if guest_opinions(request.session).stars:
        forget_guest_stars(request.session)
        messages.success(request, _("Your stars are forgotten."))
    return redirect("try_out")
