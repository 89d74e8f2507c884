"""The doors: sign up and log in, with django-allauth's flows behind them."""

from typing import TYPE_CHECKING, Any, cast

from allauth.account import views as allauth_views
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView

from accounts.email_changes import send_key
from accounts.forms import ChangeEmailForm, SignUpForm
from accounts.throttling import LoginThrottle, SignUpThrottle, too_many_requests


class Throttled:
    """Counts posts with the API's throttle, so that trying passwords is slow at either door."""

    throttle_class: type[SimpleRateThrottle]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        throttle = self.throttle_class()
        # The throttles of this project look at the request alone.
        if not throttle.allow_request(Request(request), cast("APIView", self)):
            return too_many_requests(request, throttle.wait())
        return cast(HttpResponse, super().post(request, *args, **kwargs))  # type: ignore[misc]


class LogInView(Throttled, allauth_views.LoginView):
    throttle_class = LoginThrottle


class SignUpView(Throttled, allauth_views.SignupView):
    throttle_class = SignUpThrottle

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        try:
            return cast(HttpResponse, super().form_valid(form))
        except ValidationError as error:
            form.add_error(None, error)
            return cast(HttpResponse, self.form_invalid(form))


class EmailView(allauth_views.EmailView):
    """One address each: the new one, once confirmed, is the primary one without being told."""

    def form_valid(self, form: ChangeEmailForm) -> HttpResponse:
        try:
            return cast(HttpResponse, super().form_valid(form))
        except ValidationError as error:
            form.add_error(None, error)
            return cast(HttpResponse, self.form_invalid(form))

    def _action_send(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        address = self._get_email_address(request)
        if address is not None:
            send_key(request, address)

    def _action_primary(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        return None
