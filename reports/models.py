"""Reports that operators have asked for; the last ones are kept."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Report(models.Model):
    """Written by `reports.services` alone. Its times are the database's."""

    class Status(models.TextChoices):
        QUEUED = "queued", "queued"
        MAKING = "making", "being made"
        READY = "ready", "ready"
        FAILED = "failed", "failed"

    UNDER_WAY: ClassVar[list[str]] = [Status.QUEUED, Status.MAKING]

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    requested_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True, help_text="How long it took to make.")
    n_figures = models.PositiveIntegerField(null=True, blank=True)
    # The HTML file, compressed by gzip: web processes need not share a disk with the worker.
    content = models.BinaryField(null=True)
    n_bytes = models.PositiveIntegerField(null=True, blank=True, help_text="Of the HTML file.")
    reason = models.TextField(blank=True, help_text="Why it failed.")

    class Meta:
        get_latest_by = "id"
        # Readers report books and profiles too: those are the moderators'.
        verbose_name = "report of the data"
        verbose_name_plural = "reports of the data"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A double click makes one.
            models.UniqueConstraint(
                models.Value(1),
                condition=Q(status__in=["queued", "making"]),
                name="report_one_under_way",
            ),
            models.CheckConstraint(
                condition=~Q(status="ready") | Q(content__isnull=False, finished_at__isnull=False),
                name="report_ready_has_content",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "making", "ready", "failed"]),
                name="report_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"report {self.pk} ({self.status})"

    @property
    def is_under_way(self) -> bool:
        return self.status in self.UNDER_WAY
