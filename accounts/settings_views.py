"""Pages where readers look after their account."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import open_sessions, services
from accounts.errors import LastSuperuser, TokenRefused
from accounts.forms import DeleteAccountForm, PrivacyForm, RecommendationsForm, TokenForm
from accounts.models import User
from accounts.requests import ReaderRequest
from accounts.selectors import live_tokens
from accounts.signing_in import check_password


@login_required
@require_GET
def overview(request: ReaderRequest) -> HttpResponse:
    return _overview(request, PrivacyForm(instance=request.user))


def _overview(request: ReaderRequest, privacy: PrivacyForm) -> HttpResponse:
    recommendations = RecommendationsForm(instance=request.user)
    return render(
        request, "account/overview.html", {"privacy": privacy, "recommendations": recommendations}
    )


@login_required
@require_POST
def set_privacy(request: ReaderRequest) -> HttpResponse:
    form = PrivacyForm(request.POST)
    if not form.is_valid():
        return _overview(request, form)
    services.set_switches(request.user, form.cleaned_data)
    messages.success(request, _("Saved. That is what others see of you from now on."))
    return redirect("account")


@login_required
@require_POST
def set_recommendations(request: ReaderRequest) -> HttpResponse:
    form = RecommendationsForm(request.POST)
    wanted = form.is_valid() and form.cleaned_data["wants_recommendations"]
    services.set_switches(request.user, {"wants_recommendations": wanted})
    messages.success(
        request,
        _("Recommendations are on.") if wanted else _("Recommendations are off."),
    )
    return redirect("account")


@login_required
@require_GET
def sessions(request: ReaderRequest) -> HttpResponse:
    found = open_sessions.open_sessions(request.user, request.session.session_key)
    return render(request, "account/sessions.html", {"sessions": found})


@login_required
@require_POST
def end_session(request: ReaderRequest, session_id: int) -> HttpResponse:
    if not open_sessions.end_session(request.user, session_id):
        raise Http404("The reader has no such session.")
    messages.success(request, _("That session has ended."))
    return redirect("account_sessions")


@login_required
@require_POST
def end_other_sessions(request: ReaderRequest) -> HttpResponse:
    count = open_sessions.end_sessions(request.user, but=request.session.session_key)
    messages.success(
        request,
        ngettext(
            "%(count)d other session has ended.", "%(count)d other sessions have ended.", count
        )
        % {"count": count},
    )
    return redirect("account_sessions")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: ReaderRequest) -> HttpResponse:
    """List the tokens; a post makes one, and its answer alone shows the secret."""
    form, secret = TokenForm(), None
    if request.method == "POST":
        form = TokenForm(request.POST)
        if form.is_valid():
            try:
                _token, secret = services.issue_token(request.user, **form.cleaned_data)
                form = TokenForm()
            except TokenRefused as error:
                form.add_error(None, str(error))
    context = {"tokens": live_tokens(request.user), "form": form, "secret": secret}
    return render(request, "account/tokens.html", context)


@login_required
@require_POST
def revoke_token(request: ReaderRequest, token_key: str) -> HttpResponse:
    if not services.revoke_token(request.user, token_key):
        raise Http404("The reader has no such token.")
    messages.success(request, _("That token opens nothing any more."))
    return redirect("account_tokens")


@login_required
@require_GET
def data(request: ReaderRequest) -> HttpResponse:
    return render(request, "account/data.html", {"form": DeleteAccountForm()})


@sensitive_post_parameters("password")
@login_required
@require_POST
def delete_account(request: ReaderRequest) -> HttpResponse:
    form = DeleteAccountForm(request.POST)
    if not _is_the_readers(request, form):
        return render(request, "account/data.html", {"form": form})
    user = User.objects.get(pk=request.user.pk)
    try:
        services.delete_account(user)
    except LastSuperuser as error:
        form.add_error(None, str(error))
        return render(request, "account/data.html", {"form": form}, status=409)
    logout(cast(HttpRequest, request))
    messages.success(
        request, _("Your account and everything in it are gone. Thank you for reading with us.")
    )
    return redirect("home")


def _is_the_readers(request: ReaderRequest, form: DeleteAccountForm) -> bool:
    """Return whether the form has the reader's password; tries are counted as at the log-in."""
    if not form.is_valid():
        return False
    try:
        check_password(request.user, form.cleaned_data["password"])
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True
