"""What curators decided about books that look alike."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class DifferentBooks(models.Model):
    """Two books that look like one and are not: they are not proposed for merging again."""

    # The lower id first.
    first = models.ForeignKey("catalog.Book", on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey("catalog.Book", on_delete=models.CASCADE, related_name="+")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "different books"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["first", "second"], name="different_books_unique"),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")), name="different_books_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} is not {self.second_id}"
