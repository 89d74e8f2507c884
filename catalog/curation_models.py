"""What curators decide beside the books themselves: the journal, boosts and editorial lists."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language


class CurationChange(models.Model):
    """One thing that a curator did: written by `catalog.curation.journal` alone, never changed.

    `before` and `after` hold what differs, in the form that the subject's own service reads back:
    to undo is to bring the one back where the other still holds.
    """

    class Subject(models.TextChoices):
        BOOK = "book", "book"
        BOOST = "boost", "boost"
        TAG = "tag", "tag"
        LIST = "list", "editorial list"

    at = models.DateTimeField(default=timezone.now, db_index=True)
    # None: by a command, or by somebody whose account is gone.
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="curation_changes",
    )
    subject = models.CharField(max_length=8, choices=Subject.choices)
    subject_id = models.BigIntegerField()
    # What the subject was called then.
    name = models.CharField(max_length=400)
    # The book that it is about, for the history on the book's own page.
    book = models.ForeignKey(
        "catalog.Book",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="curation_changes",
    )
    # In the words of a sentence: "hidden", "boosted", "edited".
    action = models.CharField(max_length=40)
    reason = models.CharField(max_length=300, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    # The change that this one took back.
    undoes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="undone_by"
    )

    class Meta:
        verbose_name = "change"
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject", "subject_id", "-id"], name="change_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.action}"


class Boost(models.Model):
    """A book moved up or down in every list of recommendations for a while, and why.

    Written by `catalog.curation.boosts` alone.
    """

    class Direction(models.TextChoices):
        UP = "up", "boost"
        DOWN = "down", "bury"

    book = models.ForeignKey("catalog.Book", on_delete=models.CASCADE, related_name="boosts")
    direction = models.CharField(max_length=4, choices=Direction.choices)
    reason = models.CharField(max_length=300)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="boosts",
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-ends_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="boost_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="boost_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.book_id} until {self.ends_at:%Y-%m-%d}"

    @property
    def is_in_force(self) -> bool:
        return self.starts_at <= timezone.now() < self.ends_at


class EditorialList(models.Model):
    """Books that a curator chose, under a title: shown from one time to another.

    Written by `catalog.curation.lists` alone.
    """

    title = models.CharField(max_length=120)
    text = models.TextField(max_length=2000, blank=True)
    title_de = models.CharField(
        "title in German", max_length=120, blank=True, help_text="Empty: the title above."
    )
    text_de = models.TextField("text in German", max_length=2000, blank=True)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: without an end.")
    is_pinned = models.BooleanField(default=False, help_text="Shown on the home page too.")
    # The lower, the earlier; ties by the newest.
    place = models.PositiveSmallIntegerField(default=10)
    books = models.ManyToManyField(
        "catalog.Book", through="EditorialEntry", related_name="editorial_lists"
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["place", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="editorial_list_ends_after_it_starts",
            ),
            models.CheckConstraint(condition=~Q(title=""), name="editorial_list_has_a_title"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("editorial_list", args=[self.pk])

    @property
    def shown_title(self) -> str:
        """The title in the reader's language."""
        return (self.title_de if _is_german() else "") or self.title

    @property
    def shown_text(self) -> str:
        return (self.text_de if _is_german() else "") or self.text


class EditorialEntry(models.Model):
    """A book's place in an editorial list."""

    editorial_list = models.ForeignKey(
        EditorialList, on_delete=models.CASCADE, related_name="entries", db_index=False
    )
    book = models.ForeignKey("catalog.Book", on_delete=models.CASCADE, related_name="entries")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["editorial_list", "book"], name="editorial_entry_unique"
            ),
            models.UniqueConstraint(
                fields=["editorial_list", "position"], name="editorial_entry_position_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} in {self.editorial_list_id}"


def _is_german() -> bool:
    return (get_language() or "").startswith("de")
