"""Pages to sign up, log in and log out."""

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth_views
from django.contrib.auth.views import RedirectURLMixin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView

from accounts.forms import LoginForm, SignUpForm
from accounts.services import sign_up
from accounts.throttling import LoginThrottle, SignUpThrottle

PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"  # noqa: S105 - a class


class Throttled:
    """Counts posts with the API's throttle, so that trying passwords is slow at either door."""

    throttle_class: type[SimpleRateThrottle]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        throttle = self.throttle_class()
        # The throttles of this project look at the request alone.
        if not throttle.allow_request(Request(request), cast("APIView", self)):
            return _too_many(request, throttle.wait())
        return cast(HttpResponse, super().post(request, *args, **kwargs))  # type: ignore[misc]


def _too_many(request: HttpRequest, wait_seconds: float | None) -> HttpResponse:
    response = render(request, "429.html", status=429)
    if wait_seconds is not None:
        response["Retry-After"] = str(int(wait_seconds) + 1)
    return response


class NotBackHere(RedirectURLMixin):
    """Ignores a `next` that names the form itself, which would lead round and round."""

    request: HttpRequest

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        url = super().get_redirect_url()
        return "" if url.split("?")[0] == self.request.path else url


class LogInView(Throttled, NotBackHere, auth_views.LoginView):
    form_class = LoginForm
    template_name = "accounts/login.html"
    redirect_authenticated_user = True
    throttle_class = LoginThrottle


class AdminLogInView(LogInView):
    """The door to the administration, counted like the other one.

    Who is logged in but no staff is asked for another login here, not sent back and forth.
    """

    redirect_authenticated_user = False


@method_decorator([sensitive_post_parameters("password"), never_cache], name="dispatch")
class SignUpView(Throttled, NotBackHere, FormView):
    form_class = SignUpForm
    template_name = "accounts/signup.html"
    next_page = settings.LOGIN_REDIRECT_URL
    throttle_class = SignUpThrottle

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(next=self.get_redirect_url(), **kwargs)

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        try:
            user = sign_up(**form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
            return self.form_invalid(form)
        login(self.request, user, backend=PASSWORD_BACKEND)
        messages.success(self.request, f"Welcome, {user.username}. Rate a few books to begin.")
        return HttpResponseRedirect(self.get_success_url())


class LogOutView(auth_views.LogoutView):
    http_method_names = ["post", "options"]
