"""What readers report of books and of each other's profiles, and what was decided."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from catalog.models import Book


class Report(models.Model):
    """One reader says that something is wrong. Written by `moderation.services` only.

    Goes with the account of who reported, as everything of theirs does, and with the reported.
    """

    class Reason(models.TextChoices):
        WRONG = "wrong", _("The facts are wrong")
        DUPLICATE = "duplicate", _("The same book is here twice")
        OFFENSIVE = "offensive", _("It is offensive or illegal")
        SPAM = "spam", _("It is advertising")
        OTHER = "other", _("Something else")

    class Status(models.TextChoices):
        OPEN = "open", "open"
        DISMISSED = "dismissed", "dismissed"
        ACTED = "acted", "acted upon"

    class Action(models.TextChoices):
        NONE = "", "nothing"
        HIDE_BOOK = "hide_book", "book hidden"
        MAKE_PRIVATE = "make_private", "profile made private"
        CLOSE_ACCOUNT = "close_account", "account closed"

    MAX_TEXT: ClassVar[int] = 1000

    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reports", db_index=False
    )
    # One of the two.
    book = models.ForeignKey(
        Book, null=True, blank=True, on_delete=models.CASCADE, related_name="reports"
    )
    profile = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="reports_about",
    )
    reason = models.CharField(max_length=12, choices=Reason.choices)
    text = models.TextField(max_length=MAX_TEXT, blank=True)
    created_at = models.DateTimeField()

    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    action = models.CharField(max_length=16, choices=Action.choices, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view", "change")
        permissions = (("act_on_profile", "Can make profiles private and close accounts"),)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(book__isnull=True, profile__isnull=False)
                | Q(book__isnull=False, profile__isnull=True),
                name="report_of_a_book_or_a_profile",
            ),
            models.CheckConstraint(
                condition=Q(profile__isnull=True) | ~Q(profile=F("reporter")),
                name="report_of_another",
            ),
            models.UniqueConstraint(
                fields=["reporter", "book"],
                condition=Q(status="open", book__isnull=False),
                name="report_of_book_open_once",
            ),
            models.UniqueConstraint(
                fields=["reporter", "profile"],
                condition=Q(status="open", profile__isnull=False),
                name="report_of_profile_open_once",
            ),
            models.CheckConstraint(
                condition=Q(status="open", decided_at__isnull=True, action="")
                | Q(status="dismissed", decided_at__isnull=False, action="")
                | Q(status="acted", decided_at__isnull=False) & ~Q(action=""),
                name="report_decided_when_closed",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["reporter"], name="report_by_reporter"),
            # The queue.
            models.Index(
                fields=["created_at", "id"], name="report_open", condition=Q(status="open")
            ),
        ]

    def __str__(self) -> str:
        return f"report {self.pk} ({self.status})"
