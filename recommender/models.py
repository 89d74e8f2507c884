"""One row per attempt to fit a model; the active one is what readers are served from."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class TrainingRun(models.Model):
    class Status(models.TextChoices):
        FITTING = "fitting", "fitting"
        EVALUATING = "evaluating", "evaluating"
        ACTIVE = "active", "active"
        RETIRED = "retired", "retired"
        REJECTED = "rejected", "rejected"
        FAILED = "failed", "failed"

    UNDER_WAY: ClassVar[list[str]] = [Status.FITTING, Status.EVALUATING]

    status = models.CharField(max_length=16, choices=Status.choices, default=Status.FITTING)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="training_runs",
    )
    trigger = models.CharField(max_length=32, help_text="What started it: command, schedule, …")
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    stage = models.CharField(max_length=60, blank=True)
    hyperparameters = models.JSONField(default=dict)
    # Rows, last rating id, digest of the id vocabulary.
    dataset = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    stage_seconds = models.JSONField(default=dict)
    peak_megabytes = models.PositiveIntegerField(null=True, blank=True)
    # Folder name below settings.ARTIFACTS_DIR; empty until published.
    artifact = models.CharField(max_length=80, blank=True)
    reason = models.TextField(blank=True, help_text="Why it ended as it did.")

    class Meta:
        get_latest_by = "id"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "status", condition=Q(status="active"), name="training_run_one_active"
            ),
            # Two beats or a double click: the second run does not start.
            models.UniqueConstraint(
                models.Value(1),
                condition=Q(status__in=["fitting", "evaluating"]),
                name="training_run_one_under_way",
            ),
            models.CheckConstraint(
                condition=~Q(status="active") | ~Q(artifact=""),
                name="training_run_active_has_artifact",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} ({self.status})"
