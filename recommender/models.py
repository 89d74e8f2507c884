"""One row per attempt to fit a model; the active one is what readers are served from.

What readers do with its lists is in `feedback_models`.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from recommender.feedback_models import FeedbackDay, FeedbackEvent, ListBasis, Surface

__all__ = ["FeedbackDay", "FeedbackEvent", "ListBasis", "Surface", "TrainingRun"]


class TrainingRun(models.Model):
    """Written by `recommender.runs` and `recommender.training` alone.

    Its times are the database's: the clock of a worker may be wrong, or be set while it works.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "queued"
        FITTING = "fitting", "fitting"
        EVALUATING = "evaluating", "evaluating"
        REJECTED = "rejected", "rejected"
        ACTIVE = "active", "active"
        RETIRED = "retired", "retired"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    class Kind(models.TextChoices):
        FULL = "full", "everything"
        QUICK = "quick", "lists only"

    # A process works at it; and that or waiting for one.
    WORKED_AT: ClassVar[list[str]] = [Status.FITTING, Status.EVALUATING]
    UNDER_WAY: ClassVar[list[str]] = [Status.QUEUED, *WORKED_AT]
    ENDED_WITHOUT_MODEL: ClassVar[list[str]] = [Status.REJECTED, Status.FAILED, Status.CANCELLED]

    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.FULL)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="training_runs",
    )
    trigger = models.CharField(max_length=32, help_text="What started it: command, schedule, …")
    forced = models.BooleanField(
        default=False, help_text="Whether it goes live though it compares badly."
    )
    cancel_requested = models.BooleanField(default=False)
    was_rolled_back = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether somebody went back from it; nobody goes back to it unasked.",
    )

    requested_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    stage = models.CharField(max_length=60, blank=True)
    progress = models.FloatField(default=0.0, help_text="Part of the stage that is done, 0 to 1.")

    hyperparameters = models.JSONField(default=dict)
    # Rows, last rating id, digests of the id vocabularies, who was held out.
    dataset = models.JSONField(default=dict)
    # Errors of the embeddings, and losses of the second stage's networks, after each epoch.
    history = models.JSONField(default=dict)
    # Of the candidate, of popularity and of the run that was active, on the same readers.
    metrics = models.JSONField(default=dict)
    # Every rule of the gate with its numbers.
    verdict = models.JSONField(default=dict)
    # Parts that there was too little data for: name and why.
    skipped_parts = models.JSONField(default=dict)
    stage_seconds = models.JSONField(default=dict)
    peak_megabytes = models.PositiveIntegerField(null=True, blank=True)

    # The artifact's name in its storage. A run that writes one says so before it begins: when it
    # is killed, what is left can be found.
    artifact = models.CharField(max_length=80, blank=True)
    artifact_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    # File name to SHA-256; that of the manifest stands for them all.
    checksums = models.JSONField(default=dict)
    reason = models.TextField(blank=True, help_text="Why it ended as it did.")

    class Meta:
        get_latest_by = "id"
        permissions = (("look_as_reader", "Can see any reader's list and what it is made of"),)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "status", condition=Q(status="active"), name="training_run_one_active"
            ),
            # Two beats or a double click: there is no second run.
            models.UniqueConstraint(
                models.Value(1),
                condition=Q(status__in=["queued", "fitting", "evaluating"]),
                name="training_run_one_under_way",
            ),
            models.CheckConstraint(
                condition=~Q(status="active") | ~Q(artifact=""),
                name="training_run_active_has_artifact",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["full", "quick"]), name="training_run_kind_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="queued") | Q(started_at__isnull=True, artifact=""),
                name="training_run_queued_has_not_begun",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["fitting", "evaluating"])
                | Q(started_at__isnull=False, heartbeat_at__isnull=False),
                name="training_run_worked_at_has_begun",
            ),
            models.CheckConstraint(
                # Any other status makes none of these true.
                condition=Q(status__in=["queued", "fitting", "evaluating"], finished_at=None)
                | Q(status__in=["rejected", "failed", "cancelled"], finished_at__isnull=False)
                | Q(status__in=["active", "retired"]),
                name="training_run_finished_when_over",
            ),
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=1),
                name="training_run_progress_in_0_to_1",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} ({self.status})"

    @property
    def own_metrics(self) -> dict[str, Any]:
        """What was measured of the run's own ranker; empty when nothing was."""
        for ranker in ("two_stage", "linear", "als"):
            found: dict[str, Any] = self.metrics.get(ranker) or {}
            if found:
                return found
        return {}

    @property
    def is_under_way(self) -> bool:
        return self.status in self.UNDER_WAY
