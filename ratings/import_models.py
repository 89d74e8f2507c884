"""A library that a reader brought from elsewhere: the file, and what became of each row."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.models import Book


class LibraryImport(models.Model):
    """One uploaded file of a reader. Written by `ratings.library_import` only."""

    class Format(models.TextChoices):
        GOODREADS = "goodreads", "Goodreads"
        STORYGRAPH = "storygraph", "The StoryGraph"

    class Status(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("being read")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")

    UNDER_WAY: ClassVar[tuple[str, ...]] = ("queued", "running", "undoing")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="library_imports"
    )
    file_name = models.CharField(max_length=120)
    # The language in which rows are reported: the reader's at the upload.
    language = models.CharField(max_length=10)
    format = models.CharField(max_length=12, choices=Format.choices)
    # The names of the file's columns, as they stood there: the report of failures has them again.
    columns = models.JSONField(default=list)
    replace_stars = models.BooleanField(default=False)

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    # What went wrong with the whole of it, for the reader.
    problem = models.CharField(max_length=500, blank=True)
    n_rows = models.PositiveIntegerField()
    n_done = models.PositiveIntegerField(default=0)
    # Rows by outcome; stays when the rows themselves are cleaned away.
    counts = models.JSONField(default=dict)
    has_rows = models.BooleanField(default=True)

    requested_at = models.DateTimeField(auto_now_add=True)
    # The last time that a worker reported, and how often one has begun.
    beat_at = models.DateTimeField(null=True, blank=True)
    n_attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(status="queued") | Q(status="running") | Q(status="undoing"),
                name="library_import_one_under_way",
            ),
            models.CheckConstraint(
                condition=Q(n_done__lte=models.F("n_rows")), name="library_import_done_in_rows"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} of {self.user_id}: {self.status}"

    @property
    def is_under_way(self) -> bool:
        return self.status in self.UNDER_WAY


class ImportFile(models.Model):
    """The uploaded bytes, kept until the import has ended."""

    library_import = models.OneToOneField(
        LibraryImport, on_delete=models.CASCADE, primary_key=True, related_name="file"
    )
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"file of import {self.library_import_id}"


class ImportRow(models.Model):
    """What became of one row of the file."""

    class Outcome(models.TextChoices):
        ADDED = "added", _("added")
        UPDATED = "updated", _("updated")
        UNCHANGED = "unchanged", _("already here")
        NEEDS_REVIEW = "needs_review", _("needs review")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("skipped")
        # After an import was undone: wholly, or not, because the reader had changed it since.
        UNDONE = "undone", _("undone")
        KEPT = "kept", _("kept")

    TO_PUT_RIGHT: ClassVar[tuple[str, ...]] = ("needs_review", "failed")

    library_import = models.ForeignKey(
        LibraryImport, on_delete=models.CASCADE, related_name="rows", db_index=False
    )
    # The line of the file on which the row begins, counted from 1.
    line = models.PositiveIntegerField()
    title = models.CharField(max_length=300, blank=True)
    author = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    # Sentences for the reader, one a line.
    message = models.TextField(blank=True)
    book = models.ForeignKey(Book, null=True, blank=True, on_delete=models.SET_NULL)
    # Ids of the books among which the reader has to choose.
    candidates = models.JSONField(default=list)
    # What identifies the book in the file, so that a choice made by hand holds the next time too.
    book_key = models.CharField(max_length=64, blank=True)
    is_chosen = models.BooleanField(default=False)
    # The cells, while there is something to put right.
    cells = models.JSONField(default=list)
    # By aspect of `ratings.states`: what was there, and what the import made of it.
    changes = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["library_import", "line"], name="import_row_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["library_import", "outcome", "line"], name="import_row_by_outcome")
        ]

    def __str__(self) -> str:
        return f"line {self.line} of import {self.library_import_id}: {self.outcome}"
