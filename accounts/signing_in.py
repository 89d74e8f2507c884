"""Showing who one is, by the rules of the log-in page."""

from typing import cast

from allauth.account.adapter import get_adapter
from allauth.account.app_settings import EmailVerificationMethod
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.forms import CodeForm
from accounts.models import User
from accounts.selectors import has_confirmed_email, username_for_login

WRONG_LOGIN = "Wrong username or password."


def authenticate_reader(request: HttpRequest, *, name: str, password: str, code: str = "") -> User:
    """Return whose username or e-mail, password and, with two-step log-in, code these are.

    Raises
    ------
    ValidationError
        When they are nobody's, the code is missing or wrong, the address has yet to be confirmed,
        or there were too many wrong tries for this account.
    """
    username = username_for_login(User.normalize_username(name.strip()))
    user = get_adapter(request).authenticate(request, username=username, password=password)
    if user is None:
        raise ValidationError(WRONG_LOGIN)
    if is_mfa_enabled(user, [Authenticator.Type.TOTP]):
        _check_code(user, code)
    if (
        settings.ACCOUNT_EMAIL_VERIFICATION == EmailVerificationMethod.MANDATORY
        and not has_confirmed_email(user)
    ):
        raise ValidationError("Confirm your e-mail address first: open the link we sent you.")
    return cast(User, user)


def check_password(user: User, password: str) -> None:
    """Check the password of a reader who is logged in; tries are counted as at the log-in.

    Raises
    ------
    ValidationError
        When it is another, or there were too many wrong tries.
    """
    adapter = get_adapter()
    try:
        if adapter.reauthenticate(user, password):
            return
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    raise ValidationError({"password": adapter.validation_error("incorrect_password").messages})


def confirm_reader(user: User, *, password: str, code: str = "") -> None:
    """Check, for what cannot be undone, that it is the reader who asks.

    Raises
    ------
    ValidationError
        By field, when the password or, with two-step log-in, the code is not theirs.
    """
    check_password(user, password)
    if is_mfa_enabled(user, [Authenticator.Type.TOTP]):
        _check_code(user, code)


def _check_code(user: User, code: str) -> None:
    if not code:
        raise ValidationError(
            {"code": ["This account has two-step log-in: send a code of your authenticator app."]}
        )
    form = CodeForm(user=user, data={"code": code})
    if not form.is_valid():
        raise ValidationError({"code": [str(error) for error in form.errors["code"]]})
    # Not form.save(): that opens a session.
    form.authenticator.record_usage()
