"""Who a reader is. What they think of books lives in `ratings`."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, Group
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
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

    # Django's: what `set_password` was called with since the last save.
    _password: str | None
    _lost_password = False

    def set_unusable_password(self) -> None:
        super().set_unusable_password()
        self._lost_password = True

    def save(self, *args: Any, **options: Any) -> None:
        """Save; tokens that were given out for another password end, whoever has set the new one.

        As sessions do, by their hash. A password that is only hashed anew, at a log-in, is none.
        """
        is_new = self._password is not None or self._lost_password
        if not is_new or self._state.adding:
            super().save(*args, **options)
        else:
            with transaction.atomic():
                # Holds the row, so that no token is made meanwhile: `services.lock_reader`.
                super().save(*args, **options)
                ApiToken.objects.filter(user=self).delete()
        self._lost_password = False


class ApiToken(AbstractAuthToken):
    """A token of the REST API; only its digest is stored.

    `token_key`, the first characters of the secret, says to its owner which token it is.
    """

    class Scope(models.TextChoices):
        READ = "read", _("reads")
        WRITE = "write", _("reads and writes")

    NAME_LENGTH = 60

    name = models.CharField(max_length=NAME_LENGTH, blank=True, default="", db_default="")
    scope = models.CharField(
        max_length=5, choices=Scope.choices, default=Scope.WRITE, db_default="write"
    )
    # Noted every few minutes of use at most; null: not used yet.
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Null: made with a password or in a session. A token ends with the one that made it.
    made_with = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.CASCADE, related_name="made"
    )

    class Meta:
        db_table = "accounts_api_token"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(scope__in=["read", "write"]), name="api_token_scope_is_known"
            ),
        ]


class GivenPermission(models.Model):
    """A permission that a group was given when it was new: `accounts.roles`.

    The group may have it no more; then an administrator took it away.
    """

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+", db_index=False)
    # "app.codename"; the permission itself may be gone.
    label = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["group", "label"], name="given_permission_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.label} to {self.group_id}"
