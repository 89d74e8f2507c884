"""Reads of readers."""

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from knox.crypto import hash_token

from accounts.models import ApiToken, User


def username_for_login(name: str) -> str:
    """Return the username as stored for what a reader typed: a username or an e-mail address.

    Case does not matter. A name that nobody has comes back as it was typed; the password check
    that follows takes as long for it as for any other.
    """
    for found in (_with_username(name), _with_email(name)):
        people = found.filter(source=User.Source.SITE)
        username = people.values_list("username", flat=True).first()
        if username is not None:
            return username
    return name


def has_username(name: str) -> bool:
    """Return whether a user of any source has the name, in any case."""
    return _with_username(name).exists()


def has_email(address: str) -> bool:
    """Return whether a user has the e-mail address, in any case."""
    return _with_email(address).exists()


def is_anothers_email(address: str, user: User) -> bool:
    """Return whether somebody else has the e-mail address, or goes by it as a username."""
    return anothers_with(address, user).exists()


def anothers_with(address: str, user: User) -> QuerySet[User]:
    """Return the others who have the e-mail address, or go by it as a username."""
    lower = address.lower()
    same = Q(lower_email=lower) & ~Q(email="") | Q(lower_name=lower)
    people = User.objects.alias(lower_email=Lower("email"), lower_name=Lower("username"))
    return people.filter(same).exclude(pk=user.pk)


def active_reader_with_email(address: str) -> User | None:
    """Return the reader who may log in and has the e-mail address, in any case."""
    return _with_email(address).filter(source=User.Source.SITE, is_active=True).first()


def has_confirmed_email(user: User) -> bool:
    """Return whether the reader has shown that an address is theirs."""
    confirmed: bool = EmailAddress.objects.filter(user=user, verified=True).exists()
    return confirmed


# Compared as the unique indexes compare, so that they answer; iexact would read every user.
def _with_username(name: str) -> QuerySet[User]:
    return User.objects.alias(lower=Lower("username")).filter(lower=name.lower())


def _with_email(address: str) -> QuerySet[User]:
    return User.objects.alias(lower=Lower("email")).filter(lower=address.lower()).exclude(email="")


def is_gone(user: User | AnonymousUser) -> bool:
    """Return whether somebody was logged in whose account has been deleted since."""
    return user.is_authenticated and not User.objects.filter(pk=user.pk).exists()


def public_profile(username: str, viewer: User | AnonymousUser) -> User | None:
    """Return the reader of that name, in any case, when the viewer may see their profile.

    None stands for "nobody of that name" and for "not public" alike, so that an answer never tells
    which names are taken.
    """
    if not username.isprintable():  # No name is; PostgreSQL could not even look some of them up.
        return None
    owner = _with_username(username).filter(source=User.Source.SITE).first()
    return owner if owner is not None and can_see_profile(owner, viewer) else None


def public_readers() -> QuerySet[User]:
    """Return the readers whom everybody may see: whose profile is public and account open."""
    return User.objects.filter(source=User.Source.SITE, is_active=True, profile_is_public=True)


def live_tokens(user: User) -> QuerySet[ApiToken]:
    """Return the reader's API tokens that still open the API, the newest first."""
    unexpired = Q(expiry=None) | Q(expiry__gt=timezone.now())
    tokens: QuerySet[ApiToken] = ApiToken.objects.filter(unexpired, user=user)
    return tokens.order_by("-created")


def token_of(secret: str) -> ApiToken | None:
    """Return the live token of that secret, with its reader."""
    unexpired = Q(expiry=None) | Q(expiry__gt=timezone.now())
    # Found by the digest of all of it: how long that takes tells nothing of any secret.
    found: ApiToken | None = (
        ApiToken.objects.select_related("user").filter(unexpired, pk=hash_token(secret)).first()
    )
    return found


def can_see_profile(owner: User, viewer: User | AnonymousUser) -> bool:
    """Return whether a viewer may know of a reader: of oneself always, else when it is public.

    Curators are viewers like others. An imported reader is anonymous data and has no profile.
    """
    return _is_self(owner, viewer) or (
        owner.source == User.Source.SITE and owner.is_active and owner.profile_is_public
    )


def can_see_ratings(owner: User, viewer: User | AnonymousUser) -> bool:
    """Return whether a viewer may see which stars a reader gave, and what they read when."""
    return _is_self(owner, viewer) or (can_see_profile(owner, viewer) and owner.ratings_are_public)


def can_see_shelves(owner: User, viewer: User | AnonymousUser) -> bool:
    """Return whether a viewer may see what stands on a reader's shelves."""
    return _is_self(owner, viewer) or (can_see_profile(owner, viewer) and owner.shelves_are_public)


def _is_self(owner: User, viewer: User | AnonymousUser) -> bool:
    return viewer.is_authenticated and viewer.pk == owner.pk
