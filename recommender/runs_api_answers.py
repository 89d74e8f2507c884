"""Training runs as the API tells them, to people who may see them."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from recommender.models import TrainingRun

_INTERVAL = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
    "description": "95 % interval over the held-out readers: its lower and its upper end.",
}
_NUMBERS = {"type": "object", "additionalProperties": {"type": "number"}}
_ANYTHING = {"type": "object", "additionalProperties": True}


class RunInShort(serializers.Serializer):
    id = serializers.IntegerField()
    status = serializers.ChoiceField(
        choices=TrainingRun.Status.choices,
        help_text="queued, fitting and evaluating are under way; one run at most is active.",
    )
    kind = serializers.ChoiceField(
        choices=TrainingRun.Kind.choices, help_text="Everything, or lists only."
    )
    trigger = serializers.CharField(help_text="What started it: api, admin, command, schedule, …")
    started_by = serializers.SerializerMethodField(help_text="A username; null: nobody did.")
    forced = serializers.BooleanField(
        help_text="Whether it goes live though it compares badly: of what can be overruled."
    )
    stage = serializers.CharField(allow_blank=True, help_text="What it is at; empty at the end.")
    progress = serializers.FloatField(
        min_value=0, max_value=1, help_text="Part of the stage that is done."
    )
    cancel_requested = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True, help_text="Why it ended as it did.")
    ndcg_at_10 = serializers.SerializerMethodField(help_text="Of its lists; null: not measured.")
    requested_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_started_by(self, run: TrainingRun) -> str | None:
        return run.started_by.get_username() if run.started_by else None

    def get_ndcg_at_10(self, run: TrainingRun) -> float | None:
        measured = run.own_metrics
        return measured["ndcg_at_10"] if measured else None


class _Measured(serializers.Serializer):
    n_users = serializers.IntegerField(help_text="Held-out readers.")
    n_items = serializers.IntegerField(help_text="Books that could be ranked.")
    ndcg_at_10 = serializers.FloatField()
    ndcg_at_10_interval = serializers.SerializerMethodField()
    recall_at_20 = serializers.FloatField(help_text="Divided by min(20, relevant books).")
    recall_at_100 = serializers.FloatField(help_text="Divided by the relevant books.")
    coverage_at_10 = serializers.IntegerField(help_text="Different books in all first ten places.")

    @extend_schema_field(_INTERVAL)
    def get_ndcg_at_10_interval(self, figures: Mapping[str, Any]) -> list[float]:
        return list(figures["ndcg_at_10_interval"])


class ColdStartPoint(_Measured):
    n_ratings = serializers.IntegerField(help_text="How many of each reader's are known.")


class Figures(_Measured):
    name = serializers.CharField(
        help_text="What was measured: two_stage, linear or als is the run itself; popularity; "
        "active."
    )
    run = serializers.IntegerField(allow_null=True, help_text="Of active: which run that was.")
    novelty_at_10 = serializers.FloatField(
        allow_null=True,
        help_text="Self-information of first tens; null: not measured then.",
    )
    cold_start = ColdStartPoint(
        many=True, help_text="Of the run itself: when only a few ratings of a reader are known."
    )


class StarFigures(serializers.Serializer):
    n_users = serializers.IntegerField(help_text="Held-out readers.")
    n_ratings = serializers.IntegerField(help_text="Ratings that were predicted.")
    mse_of_reader = serializers.FloatField(help_text="Squared error, mean over readers' means.")
    mse_of_reader_interval = serializers.SerializerMethodField()

    @extend_schema_field(_INTERVAL)
    def get_mse_of_reader_interval(self, figures: Mapping[str, Any]) -> list[float]:
        return list(figures["mse_of_reader_interval"])


class RuleOfGate(serializers.Serializer):
    name = serializers.CharField()
    passed = serializers.BooleanField(allow_null=True, help_text="null: it could not be checked.")
    detail = serializers.CharField(help_text="In a sentence.")
    numbers = serializers.SerializerMethodField()
    can_be_forced = serializers.BooleanField()

    @extend_schema_field(_NUMBERS)
    def get_numbers(self, rule: Mapping[str, Any]) -> dict[str, float]:
        return dict(rule["numbers"])


class VerdictOfGate(serializers.Serializer):
    passed = serializers.BooleanField(help_text="Whether it may go live.")
    forced = serializers.BooleanField()
    forced_by = serializers.SerializerMethodField(help_text="Empty when nobody did.")
    overruled = serializers.ListField(
        child=serializers.CharField(), help_text="Names of rules that were broken and do not count."
    )
    rules = RuleOfGate(many=True)

    def get_forced_by(self, verdict: Mapping[str, Any]) -> str:
        return str(verdict.get("forced_by", ""))


class StageSeconds(serializers.Serializer):
    name = serializers.CharField()
    seconds = serializers.FloatField()


class Errors(serializers.Serializer):
    """Squared error of the embeddings after each epoch."""

    training = serializers.ListField(child=serializers.FloatField())
    validation = serializers.ListField(child=serializers.FloatField())
    best_epoch = serializers.IntegerField(help_text="The one that was kept, from 1.")


class SkippedPart(serializers.Serializer):
    name = serializers.CharField()
    reason = serializers.CharField()


class Run(RunInShort):
    was_rolled_back = serializers.BooleanField(
        help_text="Whether somebody went back from it; `runs/rollback/` passes it over."
    )
    can_activate = serializers.SerializerMethodField(
        help_text="Whether it was live once and its files are still there."
    )
    metrics = serializers.SerializerMethodField()
    stars = serializers.SerializerMethodField()
    verdict = serializers.SerializerMethodField()
    stages = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()
    skipped_parts = serializers.SerializerMethodField()
    peak_megabytes = serializers.IntegerField(allow_null=True)
    artifact = serializers.CharField(allow_blank=True, help_text="Its files' name; empty: gone.")
    artifact_bytes = serializers.IntegerField(allow_null=True)
    checksums = serializers.SerializerMethodField()
    dataset = serializers.SerializerMethodField()
    hyperparameters = serializers.SerializerMethodField()

    def get_can_activate(self, run: TrainingRun) -> bool:
        return run.status == TrainingRun.Status.RETIRED and bool(run.artifact)

    @extend_schema_field(Figures(many=True))
    def get_metrics(self, run: TrainingRun) -> Any:
        """Of the run, of popularity and of the run that was active, on the same readers."""
        told = [
            {"run": None, "novelty_at_10": None, "cold_start": []} | figures | {"name": name}
            for name, figures in run.metrics.items()
            if "ndcg_at_10" in figures
        ]
        return Figures(told, many=True).data

    @extend_schema_field(StarFigures(allow_null=True))
    def get_stars(self, run: TrainingRun) -> Any:
        """Of the predicted stars; null: the run has none, or they were not measured."""
        return StarFigures(run.metrics["stars"]).data if "stars" in run.metrics else None

    @extend_schema_field(VerdictOfGate(allow_null=True))
    def get_verdict(self, run: TrainingRun) -> Any:
        """Of the gate, with every rule; null: it did not come so far."""
        return VerdictOfGate(run.verdict).data if run.verdict else None

    @extend_schema_field(StageSeconds(many=True))
    def get_stages(self, run: TrainingRun) -> Any:
        """Those that are done, in their order, with their seconds."""
        return [{"name": name, "seconds": seconds} for name, seconds in run.stage_seconds.items()]

    @extend_schema_field(Errors(allow_null=True))
    def get_history(self, run: TrainingRun) -> Any:
        """Of the embeddings; null: the run fitted none."""
        found = run.history.get("embeddings")
        return Errors(found).data if found else None

    @extend_schema_field(SkippedPart(many=True))
    def get_skipped_parts(self, run: TrainingRun) -> Any:
        """Parts that there was too little data for."""
        return [{"name": name, "reason": reason} for name, reason in run.skipped_parts.items()]

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_checksums(self, run: TrainingRun) -> Any:
        """SHA-256 by file."""
        return run.checksums

    @extend_schema_field(_ANYTHING)
    def get_dataset(self, run: TrainingRun) -> Any:
        """What it was fitted on."""
        return run.dataset

    @extend_schema_field(_ANYTHING)
    def get_hyperparameters(self, run: TrainingRun) -> Any:
        """How each part was fitted."""
        return run.hyperparameters
