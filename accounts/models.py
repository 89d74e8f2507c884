"""Who a reader is. What they think of books lives in `ratings`."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from knox.models import AbstractAuthToken


# The stubs do not see the manager of tokens, whose base class comes from an untyped library.
class User(AbstractUser):  # type: ignore[django-manager-missing]
    """A reader of this site, or the anonymous author of imported ratings."""

    class Source(models.TextChoices):
        SITE = "site", "signed up here"
        GOODBOOKS = "goodbooks", "reader of the goodbooks-10k data set"
        SIMULATED = "simulated", "simulated reader of the built-in set"

    source = models.CharField(max_length=16, choices=Source.choices, default=Source.SITE)
    # The reader's number in the data set they came from; null for people who signed up here.
    external_id = models.BigIntegerField(null=True, blank=True, editable=False)

    # What others may see, on every page and through the API; nothing until the reader says so.
    # Ratings and shelves are shown on the profile, so they need it to be public too.
    profile_is_public = models.BooleanField(default=False, db_default=False)
    ratings_are_public = models.BooleanField(default=False)
    shelves_are_public = models.BooleanField(default=False)
    # Off: no list is made for the reader, anywhere.
    wants_recommendations = models.BooleanField(default=True, db_default=True)

    class Meta(AbstractUser.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("username"),
                name="user_username_unique_ignoring_case",
                violation_error_message="A user with that username already exists.",
            ),
            models.UniqueConstraint(
                Lower("email"),
                condition=~Q(email=""),
                name="user_email_unique_ignoring_case",
                violation_error_message="An account with this e-mail address already exists.",
            ),
            models.UniqueConstraint(
                fields=["source", "external_id"], name="user_external_id_unique"
            ),
            models.CheckConstraint(
                condition=Q(source="site", external_id__isnull=True)
                | Q(external_id__isnull=False) & ~Q(source="site"),
                name="user_external_id_iff_imported",
            ),
            # Imported readers are data, not people with a login.
            models.CheckConstraint(
                condition=Q(source="site")
                | Q(is_active=False, is_staff=False, is_superuser=False)
                & Q(("password__startswith", "!")),
                name="user_imported_cannot_log_in",
            ),
        ]


class ApiToken(AbstractAuthToken):
    """A token of the REST API; only its digest is stored."""

    class Meta:
        db_table = "accounts_api_token"
