"""What readers did with lists, event by event, and day by day what that adds up to."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from catalog.models import Book


class Surface(models.TextChoices):
    """Where a list stands. The words are in the database; a new place gets a new word."""

    LIST = "list", "page of the list"
    LIKE = "like", "page of the list: more like a book"
    HOME = "home", "home: the ten"
    HOME_BECAUSE = "home_because", "home: because you loved"
    HOME_GUEST = "home_guest", "home of guests: loved by readers"
    WELCOME = "welcome", "first steps: the list that grows"
    TRY_OUT = "try_out", "try-out: the list that grows"
    SIMILAR = "similar", "page of a book: similar"
    ALSO_LOVED = "also_loved", "page of a book: also loved"
    API = "api", "API: recommendations/"
    API_SESSION = "api_session", "API: recommendations/session/"
    API_SIMILAR = "api_similar", "API: books/{id}/similar/"
    API_TITLE = "api_title", "API: recommend/"


class ListBasis(models.TextChoices):
    """What a list was made from (`recommender.serving.Basis`)."""

    RATINGS = "ratings", "the reader's ratings"
    POPULAR = "popular", "what everybody likes"
    BOOK = "book", "one book"


class FeedbackEvent(models.Model):
    """Something that happened to one book of one list, once. Written by `feedback.recording`.

    The row of a run may be deleted, and what its lists did stays as it was: no constraint.
    """

    class Kind(models.TextChoices):
        SHOWN = "shown", "shown"
        CLICKED = "clicked", "clicked"
        RATED = "rated", "rated"

    # The random number in the list's id: the id itself is kept nowhere.
    list_key = models.BigIntegerField()
    # The day (UTC) on which the list was made, whenever the event came.
    listed_on = models.DateField()
    run = models.ForeignKey(
        "recommender.TrainingRun",
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="feedback_events",
        db_constraint=False,
        db_index=False,
    )
    surface = models.CharField(max_length=16, choices=Surface.choices)
    basis = models.CharField(max_length=8, choices=ListBasis.choices)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="feedback_events")
    # Place in the list, from 1.
    position = models.PositiveSmallIntegerField()
    stars = models.PositiveSmallIntegerField(null=True, blank=True)
    # Null: the list was made for nobody known.
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="feedback_events",
        db_index=False,
    )
    happened_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # However often it is sent.
            models.UniqueConstraint(
                fields=["list_key", "book", "kind"], name="feedback_event_counts_once"
            ),
            models.CheckConstraint(
                # Without `isnull`, a rating without stars would be neither true nor false: allowed.
                condition=Q(kind="rated", stars__isnull=False, stars__range=(1, 5))
                | Q(kind__in=["shown", "clicked"], stars=None),
                name="feedback_event_stars_iff_rated",
            ),
            models.CheckConstraint(
                condition=Q(position__gte=1), name="feedback_event_position_from_1"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # For the sums of a day, and to forget old days.
            models.Index(fields=["listed_on"], name="feedback_event_by_day"),
            # A reader's export and deletion; most rows of a busy site are of guests.
            models.Index(
                fields=["reader", "book"],
                condition=Q(reader__isnull=False),
                name="feedback_event_by_reader",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} {self.kind} at {self.position} of {self.surface}"


class FeedbackDay(models.Model):
    """What the lists of one day, run, surface and basis led to. Written by `feedback.rollup`.

    Nothing of any reader is in it, so it is kept. Counts are defined in docs/feedback.md.
    """

    day = models.DateField()
    # No constraint: as in `FeedbackEvent`.
    run = models.ForeignKey(
        "recommender.TrainingRun",
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="feedback_days",
        db_constraint=False,
    )
    surface = models.CharField(max_length=16, choices=Surface.choices)
    basis = models.CharField(max_length=8, choices=ListBasis.choices)

    # Counted by the server for every list that it made.
    lists_served = models.PositiveBigIntegerField(default=0)
    lists_empty = models.PositiveBigIntegerField(default=0)
    # Counted from events.
    lists_shown = models.PositiveBigIntegerField(default=0)
    shown = models.PositiveBigIntegerField(default=0)
    clicked = models.PositiveBigIntegerField(default=0)
    rated = models.PositiveBigIntegerField(default=0)
    liked = models.PositiveBigIntegerField(default=0, help_text="Rated 4 or 5 stars.")
    # Of the books that were shown; the others came from pages without JavaScript.
    shown_clicked = models.PositiveBigIntegerField(default=0)
    shown_liked = models.PositiveBigIntegerField(default=0)
    # Ids of the different books that were shown, ascending.
    shown_books = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "day", Coalesce("run", 0), "surface", "basis", name="feedback_day_unique"
            ),
            models.CheckConstraint(
                condition=Q(lists_empty__lte=F("lists_served")),
                name="feedback_day_empty_are_served",
            ),
            models.CheckConstraint(
                condition=Q(
                    shown_clicked__lte=F("shown"),
                    shown_liked__lte=F("shown"),
                    liked__lte=F("rated"),
                ),
                name="feedback_day_parts_of_a_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.surface} ({self.basis}) of run {self.run_id}"
