"""Who thinks what of which book. Written by `ratings.services` only."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.models import Book
from ratings.import_models import ImportFile, ImportRow, LibraryImport
from ratings.merge_models import BookMerge, MergedOpinion

__all__ = [
    "AnsweredRequest",
    "BookMerge",
    "Dismissal",
    "ImportFile",
    "ImportRow",
    "LibraryImport",
    "MergedOpinion",
    "Note",
    "Rating",
    "Reading",
    "ShelfEntry",
]


class Rating(models.Model):
    # No index of their own for user and book: rating_unique and rating_by_book begin with them.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="ratings",
        db_index=False,
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="ratings", db_index=False)
    stars = models.PositiveSmallIntegerField()
    # Null for imported ratings: the data set has no times.
    created_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "book"], name="rating_unique"),
            models.CheckConstraint(
                condition=Q(stars__range=(1, 5)),
                name="rating_stars_in_1_to_5",
                violation_error_message="Stars are whole numbers from 1 to 5.",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["book", "stars"], name="rating_by_book"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} gave {self.book_id} {self.stars}"


# Not `shelf__in`: PostgreSQL writes that down otherwise than it reads it, so an import, which puts
# indexes aside and makes them anew, would not find the same words again.
_IS_STATE = Q(shelf="to_read") | Q(shelf="reading") | Q(shelf="abandoned")


class ShelfEntry(models.Model):
    """A book on one of a reader's shelves.

    A shelf is one of `Shelf`, of which a book stands on at most one, or has a name of the
    reader's own, of which it may stand on many.
    """

    class Shelf(models.TextChoices):
        TO_READ = "to_read", _("to read")
        READING = "reading", _("reading now")
        ABANDONED = "abandoned", _("did not finish")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="shelf_entries",
        db_index=False,
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="shelf_entries")
    shelf = models.CharField(max_length=60, default=Shelf.TO_READ)
    added_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "shelf entries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two partial indexes: each row is in one of them.
            models.UniqueConstraint(
                fields=["user", "book"],
                condition=_IS_STATE,
                name="shelf_entry_one_state_a_book",
            ),
            models.UniqueConstraint(
                fields=["user", "book", "shelf"],
                condition=~_IS_STATE,
                name="shelf_entry_own_shelf_unique",
            ),
            models.CheckConstraint(condition=~Q(shelf=""), name="shelf_entry_shelf_named"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # All shelves of a reader: neither of the partial indexes above answers that.
            models.Index(fields=["user", "book"], name="shelf_entry_by_user"),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} on {self.user_id}'s {self.shelf}"


class Reading(models.Model):
    """A reader has read a book, rated or not; a rated book without one has been read as well."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="readings", db_index=False
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="readings")
    # The day it was finished; null when the reader does not say.
    finished_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "book"], name="reading_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} read {self.book_id}"


class Note(models.Model):
    """What a reader wrote of a book, for nobody else."""

    MAX_LENGTH: ClassVar[int] = 50_000

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notes", db_index=False
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(max_length=MAX_LENGTH)
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "book"], name="note_unique"),
            models.CheckConstraint(condition=~Q(text=""), name="note_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.book_id}"


class Dismissal(models.Model):
    """A reader is not interested: the book is in no list of theirs, and its like sink."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="dismissals",
        db_index=False,
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="dismissals")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "book"], name="dismissal_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is not interested in {self.book_id}"


class AnsweredRequest(models.Model):
    """The answer to a request that a program may send again: `ratings.answered`."""

    MAX_KEY_LENGTH: ClassVar[int] = 255

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    # As the program chose it.
    key = models.CharField(max_length=MAX_KEY_LENGTH)
    # SHA-256 of what was asked, in hexadecimal.
    digest = models.CharField(max_length=64)
    answer = models.JSONField()
    answered_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "key"], name="answered_request_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} asked {self.key}"
