"""Writes about readers: the only code that makes and deletes accounts and API tokens."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from knox.models import get_digest_token
from knox.settings import CONSTANTS

from accounts.errors import LastSuperuser, PasswordChanged, TokenRefused
from accounts.models import ApiToken, User
from accounts.open_sessions import NOTE_EVERY_SECONDS, end_sessions
from accounts.selectors import has_email, has_username, is_anothers_email

logger = logging.getLogger(__name__)

# What readers say of themselves: what others may see of them, and whether they want lists.
SWITCHES = (
    "profile_is_public",
    "ratings_are_public",
    "shelves_are_public",
    "wants_recommendations",
)

EMAIL_TAKEN = gettext_lazy("An account with this e-mail address already exists.")
EMAIL_MISSING = gettext_lazy("An e-mail address is needed to reset a lost password.")
USERNAME_TAKEN = gettext_lazy("A user with that username already exists.")

# Names are parts of addresses: one that is a page already, or that browsers take for "up one".
RESERVED_USERNAMES = frozenset({"like-me", ".", ".."})


# The first half of the key of an advisory lock, which no other has; the second is a name's hash.
_NAMES_LOCK = 7_166_405

# Of one reader, live. A script that logs in each day has fewer while tokens live for 90.
MAX_TOKENS = 200


def sign_up(*, username: str, email: str, password: str) -> User:
    """Make the account of a reader of this site.

    Raises
    ------
    ValidationError
        By field name, for people: bad or taken username or e-mail, weak password.
    """
    username = User.normalize_username(username.strip())
    user = User(username=username, email=User.objects.normalize_email(email.strip()))
    with transaction.atomic():
        _hold_names(user)
        _refuse_what_is_wrong(user, password)
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


def _hold_names(user: User) -> None:
    """Let nobody else sign up with the name or address of a new reader until the transaction ends.

    No constraint says that a name may not be somebody's address: two at once would both be let in.
    """
    with connection.cursor() as cursor:
        # In one order, so that two never wait for each other.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, key) FROM"
            " (SELECT DISTINCT hashtext(name) AS key FROM unnest(%s) AS name ORDER BY key) AS keys",
            [_NAMES_LOCK, [user.username.lower(), user.email.lower()]],
        )


def _refuse_what_is_wrong(user: User, password: str) -> None:
    """Raise ValidationError, by field name, unless all is well with a new reader."""
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
    if user.email and is_anothers_email(user.email, user):
        problems.setdefault("email", [EMAIL_TAKEN])
    try:
        validate_password(password, user)
    except ValidationError as error:
        problems["password"] = list(error.messages)
    if problems:
        raise ValidationError(problems)


def set_switches(user: User, switches: Mapping[str, bool]) -> None:
    """Change some of a reader's `SWITCHES`; those that are not named stay.

    Ratings and shelves show only on a public profile.
    """
    if unknown := switches.keys() - set(SWITCHES):
        raise ValueError(f"no switches of a reader: {', '.join(sorted(unknown))}")
    for name, is_on in switches.items():
        setattr(user, name, is_on)
    if switches:
        user.save(update_fields=list(switches))


@transaction.atomic
def issue_token(
    user: User,
    *,
    name: str = "",
    scope: str = ApiToken.Scope.WRITE,
    days: int | None = None,
    made_with: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """Return a new API token and its secret, which is shown this once.

    The database keeps its digest only. Tokens that have expired are cleared away. Without `days`
    it lives as long as the settings say. One that is `made_with` another may do no more than that
    one, lives no longer, and ends when that one is revoked.

    Raises
    ------
    TokenRefused
        When the reader has too many, or the one it is made with allows none such.
    PasswordChanged
        When the password is no longer the one that `user` was read with.
    """
    now = timezone.now()
    password = _locked(user).values_list("password", flat=True).first()
    if password is None:
        raise TokenRefused(_("This account is gone."))
    # Changed since it was checked: what ended all tokens shall not miss this one.
    if password != user.password:
        raise PasswordChanged
    ApiToken.objects.filter(user=user, expiry__lt=now).delete()
    if ApiToken.objects.filter(user=user).count() >= MAX_TOKENS:
        raise TokenRefused(
            _("You have %(count)d tokens: revoke one first.") % {"count": MAX_TOKENS}
        )
    expiry = now + timedelta(days=settings.TOKEN_DAYS if days is None else days)
    if made_with is not None:
        expiry = _expiry_within(made_with, expiry, is_asked_for=days is not None)
    digest, secret = get_digest_token()
    token: ApiToken = ApiToken.objects.model(
        digest=digest,
        token_key=secret[: CONSTANTS.TOKEN_KEY_LENGTH],
        user=user,
        name=name,
        scope=scope,
        expiry=expiry,
        made_with=made_with,
    )
    token.save(force_insert=True)
    return token, secret


def _expiry_within(maker: ApiToken, expiry: datetime, *, is_asked_for: bool) -> datetime:
    # It may have been revoked meanwhile.
    alive = ApiToken.objects.filter(pk=maker.pk).exists()
    if not alive or maker.scope != ApiToken.Scope.WRITE:
        raise TokenRefused(_("This token makes no others."))
    if maker.expiry is None or expiry <= maker.expiry:
        return expiry
    if is_asked_for:
        raise TokenRefused(_("A token lives no longer than the one it is made with."))
    ends: datetime = maker.expiry
    return ends


def lock_reader(user: User) -> None:
    """Let what is done with the reader's tokens wait for one another.

    So many requests at once make no more tokens than one after the other, and none slips in with a
    token that is being revoked.
    """
    _locked(user).exists()


def _locked(user: User) -> QuerySet[User]:
    return User.objects.select_for_update(no_key=True).filter(pk=user.pk)


def note_use(token: ApiToken) -> None:
    """Write down that a token was used, unless that was done a moment ago."""
    now = timezone.now()
    a_moment_ago = now - timedelta(seconds=NOTE_EVERY_SECONDS)
    if token.last_used_at is None or token.last_used_at < a_moment_ago:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=a_moment_ago)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


@transaction.atomic
def revoke_token(user: User, token_key: str) -> bool:
    """Make a token worthless, and those made with it; False when the reader has no such token."""
    lock_reader(user)
    deleted: int = ApiToken.objects.filter(user=user, token_key=token_key).delete()[0]
    return deleted > 0


@transaction.atomic
def forget_devices(user: User) -> None:
    """End all sessions and tokens: what somebody else may hold is worth nothing from now on."""
    lock_reader(user)
    end_sessions(user)
    ApiToken.objects.filter(user=user).delete()


@transaction.atomic
def change_password(user: User, password: str, *, token: ApiToken) -> None:
    """Set a password, and end all sessions and tokens but the one that asks.

    A token that asks is on its own from now on: the one it was made with ends.
    """
    # Not set_password(), after which saving would end the token too.
    user.password = make_password(password)
    # Holds the row as `lock_reader` does.
    user.save(update_fields=["password"])
    end_sessions(user)
    tokens = ApiToken.objects.filter(user=user)
    if token.made_with_id is not None:
        tokens.filter(pk=token.pk).update(made_with=None)
    tokens.exclude(pk=token.pk).delete()


@transaction.atomic
def close_account(user: User) -> None:
    """Let a reader log in no more, here and with tokens; what is theirs stays."""
    user.is_active = False
    user.save(update_fields=["is_active"])
    forget_devices(user)


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
