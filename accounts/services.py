"""Writes about readers: the only code that makes accounts and API tokens."""

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import ApiToken, User
from accounts.selectors import has_email, has_username, username_for_login

EMAIL_TAKEN = "An account with this e-mail address already exists."
USERNAME_TAKEN = "A user with that username already exists."


def sign_up(*, username: str, email: str, password: str) -> User:
    """Make the account of a reader of this site.

    Raises
    ------
    ValidationError
        By field name, for people: bad or taken username or e-mail, weak password.
    """
    username = User.normalize_username(username.strip())
    user = User(username=username, email=User.objects.normalize_email(email.strip()))
    problems: dict[str, list[str]] = {}
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        problems.update(error.message_dict)
    if not user.email:
        problems.setdefault("email", ["An e-mail address is needed to reset a lost password."])
    # Asked for here so that the answer names the field; the constraints decide in a race.
    if has_username(user.username):
        problems.setdefault("username", [USERNAME_TAKEN])
    # People log in with either, so nobody may take another's address as a name, or the reverse.
    if user.username.lower() != user.email.lower() and has_email(user.username):
        problems.setdefault("username", [USERNAME_TAKEN])
    if user.email and (has_email(user.email) or has_username(user.email)):
        problems.setdefault("email", [EMAIL_TAKEN])
    try:
        validate_password(password, user)
    except ValidationError as error:
        problems["password"] = list(error.messages)
    if problems:
        raise ValidationError(problems)

    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        taken_email = "user_email" in str(error)
        raise ValidationError(
            {"email": [EMAIL_TAKEN]} if taken_email else {"username": [USERNAME_TAKEN]}
        ) from error
    return user


def issue_token(*, username: str, password: str) -> tuple[ApiToken, str] | None:
    """Return a new API token and its secret, or None when the login is wrong.

    The secret is shown this once; the database keeps its digest only.
    """
    name = username_for_login(User.normalize_username(username.strip()))
    user = authenticate(username=name, password=password)
    if user is None:
        return None
    token, secret = ApiToken.objects.create(user=user)
    return token, secret
