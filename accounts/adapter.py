"""Where django-allauth asks this project."""

import logging
from typing import Any

import qrcode
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.addresses import client_address
from accounts.models import User
from accounts.selectors import is_anothers_email
from accounts.services import lock_reader

logger = logging.getLogger(__name__)

WRONG_LOGIN = gettext_lazy(
    "That name and password do not go together. Passwords are case-sensitive."
)


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": WRONG_LOGIN,
        "email_password_mismatch": WRONG_LOGIN,
        "incorrect_password": gettext_lazy("That is not your password."),
        "enter_current_password": gettext_lazy("That is not your present password."),
        "incorrect_code": gettext_lazy("That code is not right, or it was used already."),
        "duplicate_email": gettext_lazy("That is your address already."),
        "too_many_login_attempts": gettext_lazy(
            "There were too many wrong tries. Wait five minutes, then try again."
        ),
        "rate_limited": gettext_lazy(
            "There were too many wrong tries. Wait five minutes, then try again."
        ),
    }

    def is_safe_url(self, url: str) -> bool:
        """Lead on within this site only, and not back to the form that asks."""
        if not url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        ):
            return False
        path = url.partition("?")[0].partition("#")[0]
        return path not in (reverse("account_login"), reverse("account_signup"))

    def is_ajax(self, request: HttpRequest) -> bool:
        """Return False: programs have an API of their own."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def post_login(
        self, request: HttpRequest, user: User, *, signup: bool, **kwargs: Any
    ) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, signup=signup, **kwargs)
        if signup:
            messages.success(
                request,
                _("Welcome, %(name)s. Rate a few books to begin.") % {"name": user.username},
            )
        return response

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Say on the next page what was done; a program has no next page, and wants no cookie."""
        if not request.path.startswith("/api/"):
            super().add_message(request, *args, **kwargs)

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Only an address that waits to be confirmed can be taken back."""
        return not email_address.primary

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirm an address, unless another account has it: `User.email` is unique.

        Raises
        ------
        Http404
            When the address waits no more, as for a key that was taken back before it was read.
        """
        if not is_anothers_email(email_address.email, email_address.user):
            try:
                with transaction.atomic():
                    # What takes an address back holds this too.
                    lock_reader(email_address.user)
                    if not EmailAddress.objects.filter(pk=email_address.pk).exists():
                        raise Http404("This key is not valid, too old, or was used already.")
                    return bool(super().confirm_email(request, email_address))
            except IntegrityError:
                logger.info("address %s was taken while it was confirmed", email_address.pk)
        self.add_message(
            request,
            messages.ERROR,
            "account/messages/email_confirmation_failed.txt",
            {"email": email_address.email},
        )
        return False

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        if self.request.user.is_authenticated:
            return reverse("account_email")
        return reverse("account_login")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail; a mail server that is away is logged and stops nobody."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError:
            logger.exception("mail %s was not sent", template_prefix)


class MfaAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "add_email_blocked": gettext_lazy(
            "Turn two-step log-in off before you change the address, then on again."
        ),
        "incorrect_code": gettext_lazy("That code is not right, or it was used already."),
        "unverified_email": gettext_lazy(
            "Confirm your e-mail address first. Without it nobody could help you back in."
        ),
    }

    def get_totp_label(self, user: User) -> str:
        return user.username

    def build_totp_svg(self, url: str) -> SafeString:
        """Draw the code as an element of the page: the policy allows no data: images."""
        code = qrcode.QRCode(border=3)
        code.add_data(url)
        rows = code.get_matrix()
        path = "".join(
            f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
        )
        return format_html(
            '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}">'
            '<rect width="{0}" height="{0}" fill="#fff"/><path d="{2}" fill="#000"/></svg>',
            len(rows),
            _("QR code for your authenticator app"),
            path,
        )
