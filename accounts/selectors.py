"""Reads of readers."""

from django.db.models import QuerySet
from django.db.models.functions import Lower

from accounts.models import User


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


# Compared as the unique indexes compare, so that they answer; iexact would read every user.
def _with_username(name: str) -> QuerySet[User]:
    return User.objects.alias(lower=Lower("username")).filter(lower=name.lower())


def _with_email(address: str) -> QuerySet[User]:
    return User.objects.alias(lower=Lower("email")).filter(lower=address.lower()).exclude(email="")
