"""Which books were merged, and what it did to every opinion, so that it can be undone."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models import Book


class BookMerge(models.Model):
    """One book's opinions went over to another. Written by `ratings.book_merges` only."""

    merged = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="+")
    survivor = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="+")
    merged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    merged_at = models.DateTimeField()
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    # Readers and rows that moved, by kind.
    counts = models.JSONField(default=dict)
    # What `catalog.merging` needs to undo its part; the ids of rows of library imports.
    catalog_record = models.JSONField(default=dict)
    import_rows = models.JSONField(default=list)
    # False: its `MergedOpinion`s were forgotten, as they are after 30 days.
    is_undoable = models.BooleanField(default=True)

    class Meta:
        default_permissions = ("add", "change", "view")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["merged"],
                condition=Q(undone_at__isnull=True),
                name="book_merge_of_a_book_once",
            ),
            models.CheckConstraint(
                condition=~Q(merged=F("survivor")), name="book_merge_of_two_books"
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True) | Q(is_undoable=False),
                name="book_merge_undone_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.merged_id} into {self.survivor_id}"


class MergedOpinion(models.Model):
    """One kind of opinion of one reader, before a merge and after it, as whole rows."""

    merge = models.ForeignKey(
        BookMerge, on_delete=models.CASCADE, related_name="opinions", db_index=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # As in `ratings.states`, where each of them is at most one row: stars, shelf, own/NAME, …
    kind = models.CharField(max_length=80)
    of_merged = models.JSONField(null=True)
    of_survivor = models.JSONField(null=True)
    # What the survivor had after the merge: who finds that again finds nothing changed since.
    result = models.JSONField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["merge", "user", "kind"], name="merged_opinion_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.user_id} in merge {self.merge_id}"
