"""The record of training runs: read here, written by `recommender.training` alone."""

from django.contrib import admin

from catalog.admin import ReadOnly
from recommender.models import TrainingRun


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    list_display = ("id", "status", "stage", "trigger", "started_at", "finished_at", "started_by")
    list_filter = ("status", "trigger")
    list_select_related = ("started_by",)
    ordering = ("-id",)
