"""Who thinks what of which book. Written by `ratings.services` only."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import Book


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


class ShelfEntry(models.Model):
    """A book on one of a reader's shelves."""

    class Shelf(models.TextChoices):
        TO_READ = "to_read", "to read"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="shelf_entries",
        db_index=False,
    )
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="shelf_entries")
    shelf = models.CharField(max_length=16, choices=Shelf.choices, default=Shelf.TO_READ)
    added_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "shelf entries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "book", "shelf"], name="shelf_entry_unique"),
            models.CheckConstraint(
                condition=Q(shelf__in=["to_read"]), name="shelf_entry_shelf_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} on {self.user_id}'s {self.shelf}"
