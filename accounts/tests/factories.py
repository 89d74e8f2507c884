"""Readers for tests."""

import factory
from django.contrib.auth.models import Permission

from accounts.models import User

PASSWORD = "a long enough passphrase"


class UserFactory(factory.django.DjangoModelFactory):
    """A reader who signed up and knows PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"reader{n:05}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.django.Password(PASSWORD)


class ImportedReaderFactory(factory.django.DjangoModelFactory):
    """A reader of the data set: data, not a person with a login."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    external_id = factory.Sequence(lambda n: n + 1)
    username = factory.LazyAttribute(lambda user: f"goodbooks-{user.external_id}")
    source = User.Source.GOODBOOKS
    is_active = False
    password = "!"


def staff(*codenames: str, **fields: object) -> User:
    """Make a member of staff who may do these things, and no more."""
    user = UserFactory(is_staff=True, **fields)
    found = Permission.objects.filter(codename__in=codenames)
    # One of them may be named in several apps, none may be missing.
    assert {permission.codename for permission in found} == set(codenames)
    user.user_permissions.set(found)
    return user
