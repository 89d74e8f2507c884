"""Writes about readers: the only code that makes and deletes accounts and API tokens."""

import logging

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from accounts.errors import LastSuperuser
from accounts.models import ApiToken, User
from accounts.open_sessions import end_sessions
from accounts.selectors import has_email, has_username

logger = logging.getLogger(__name__)

EMAIL_TAKEN = gettext_lazy("An account with this e-mail address already exists.")
EMAIL_MISSING = gettext_lazy("An e-mail address is needed to reset a lost password.")
USERNAME_TAKEN = gettext_lazy("A user with that username already exists.")

# Names are parts of addresses: one that is a page already, or that browsers take for "up one".
RESERVED_USERNAMES = frozenset({"like-me", ".", ".."})


def sign_up(*, username: str, email: str, password: str) -> User:
    """Make the account of a reader of this site.

    Raises
    ------
    ValidationError
        By field name, for people: bad or taken username or e-mail, weak password.
    """
    username = User.normalize_username(username.strip())
    user = User(username=username, email=User.objects.normalize_email(email.strip()))
    problems: dict[str, list[str | Promise]] = {}
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        problems.update((field, [*told]) for field, told in error.message_dict.items())
    if not user.email:
        problems.setdefault("email", [EMAIL_MISSING])
    # Asked for here so that the answer names the field; the constraints decide in a race.
    if user.username.lower() in RESERVED_USERNAMES or has_username(user.username):
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
            EmailAddress.objects.create(user=user, email=user.email.lower(), primary=True)
    except IntegrityError as error:
        taken_email = "user_email" in str(error)
        raise ValidationError(
            {"email": [EMAIL_TAKEN]} if taken_email else {"username": [USERNAME_TAKEN]}
        ) from error
    return user


def set_privacy(
    user: User, *, profile_is_public: bool, ratings_are_public: bool, shelves_are_public: bool
) -> None:
    """Say what others may see; ratings and shelves show only on a public profile."""
    user.profile_is_public = profile_is_public
    user.ratings_are_public = ratings_are_public
    user.shelves_are_public = shelves_are_public
    user.save(update_fields=["profile_is_public", "ratings_are_public", "shelves_are_public"])


def set_wants_recommendations(user: User, wanted: bool) -> None:
    """Turn the reader's lists on or off."""
    user.wants_recommendations = wanted
    user.save(update_fields=["wants_recommendations"])


def issue_token(user: User) -> tuple[ApiToken, str]:
    """Return a new API token and its secret, which is shown this once.

    The database keeps its digest only. Tokens that have expired are cleared away.
    """
    ApiToken.objects.filter(user=user, expiry__lt=timezone.now()).delete()
    token, secret = ApiToken.objects.create(user=user)
    return token, secret


def revoke_token(user: User, token_key: str) -> bool:
    """Make a token worthless; False when the reader has no such token."""
    deleted: int = ApiToken.objects.filter(user=user, token_key=token_key).delete()[0]
    return deleted > 0


@transaction.atomic
def forget_devices(user: User) -> None:
    """End all sessions and tokens: what somebody else may hold is worth nothing from now on."""
    end_sessions(user)
    ApiToken.objects.filter(user=user).delete()


@transaction.atomic
def delete_account(user: User) -> None:
    """Delete a reader and everything of theirs: opinions, addresses, tokens, sessions.

    Raises
    ------
    LastSuperuser
        When nobody would be left to administer the site.
    """
    # Locked, so that the last two cannot leave at once.
    administrators = User.objects.select_for_update().filter(is_superuser=True, is_active=True)
    if user.is_superuser and set(administrators.values_list("pk", flat=True)) <= {user.pk}:
        raise LastSuperuser
    reader_id = user.pk
    end_sessions(user)
    user.delete()
    logger.info("reader %s deleted their account", reader_id)
