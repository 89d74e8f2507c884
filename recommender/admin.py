"""Training runs for a curator: read here, changed by services alone."""

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from catalog.admin import ReadOnly
from recommender.console import views as console
from recommender.console.run_charts import cold_start_chart, loss_chart
from recommender.errors import TrainingError
from recommender.models import TrainingRun
from recommender.runs import cancel_run, request_run, rollback_run

_ANSWERS = {True: "passed", False: "broken", None: "not checked"}


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    change_list_template = "admin/recommender/trainingrun/change_list.html"
    change_form_template = "admin/recommender/trainingrun/change_form.html"
    list_display = (
        "id",
        "status",
        "kind",
        "how_far",
        "ndcg",
        "against_active",
        "trigger",
        "started_by",
        "requested_at",
        "duration",
        "reason_in_short",
    )
    list_filter = ("status", "kind", "trigger")
    list_select_related = ("started_by",)
    ordering = ("-id",)
    fieldsets: ClassVar = (
        (None, {"fields": ("status", "reason", "how_far", "kind", "trigger", "started_by")}),
        ("Verdict", {"fields": ("forced", "rules", "figures", "newcomers")}),
        (
            "Times",
            {
                "fields": (
                    "requested_at",
                    "started_at",
                    "heartbeat_at",
                    "finished_at",
                    "seconds_by_stage",
                    "peak_megabytes",
                )
            },
        ),
        ("Errors of the embeddings", {"fields": ("losses", "epochs")}),
        ("Files", {"fields": ("artifact", "artifact_bytes", "skipped", "file_checksums")}),
        ("Fitted on, and how", {"fields": ("data", "settings"), "classes": ("collapse",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = [options["fields"] for _, options in self.fieldsets]
        return [str(name) for names in fields for name in names]

    @admin.display(description="progress")
    def how_far(self, run: TrainingRun) -> str:
        if not run.is_under_way:
            return "-"
        return f"{run.stage or 'waiting for the worker'} {run.progress:.0%}"

    @admin.display(description="NDCG@10")
    def ndcg(self, run: TrainingRun) -> str:
        measured = run.own_metrics
        return f"{measured['ndcg_at_10']:.4f}" if measured else "-"

    @admin.display(description="active then")
    def against_active(self, run: TrainingRun) -> str:
        other = run.metrics.get("active")
        return f"{other['ndcg_at_10']:.4f} (run {other['run']})" if other else "-"

    @admin.display(description="took")
    def duration(self, run: TrainingRun) -> str:
        seconds = sum(run.stage_seconds.values())
        return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"

    @admin.display(description="reason")
    def reason_in_short(self, run: TrainingRun) -> str:
        return run.reason if len(run.reason) <= 80 else f"{run.reason[:79]}…"

    @admin.display(description="rules")
    def rules(self, run: TrainingRun) -> SafeString:
        verdict = run.verdict
        return _table(
            ("rule", "answer", "numbers"),
            [
                (
                    rule["name"].replace("_", " "),
                    "overruled"
                    if rule["name"] in verdict.get("overruled", [])
                    else _ANSWERS[rule["passed"]],
                    rule["detail"],
                )
                for rule in verdict.get("rules", [])
            ],
        )

    @admin.display(description="on the held-out readers")
    def figures(self, run: TrainingRun) -> SafeString:
        rows = []
        for name, measured in run.metrics.items():
            of = f" (run {measured['run']})" if "run" in measured else ""
            if "ndcg_at_10" in measured:
                low, high = measured.get("ndcg_at_10_interval", (0.0, 0.0))
                text = (
                    f"NDCG@10 {measured['ndcg_at_10']:.4f} ({low:.4f} to {high:.4f}), Recall@20 "
                    f"{measured['recall_at_20']:.4f}, Recall@100 {measured['recall_at_100']:.4f}, "
                    f"{measured['coverage_at_10']} books in first tens"
                )
                if "novelty_at_10" in measured:
                    text += f", novelty {measured['novelty_at_10']:.2f} bits"
            else:
                low, high = measured["mse_of_reader_interval"]
                text = f"squared error {measured['mse_of_reader']:.4f} ({low:.4f} to {high:.4f})"
            rows.append((f"{name}{of}".replace("_", " "), text, str(measured["n_users"])))
        return _table(("what", "figures (95 % interval)", "readers"), rows)

    @admin.display(description="newcomers")
    def newcomers(self, run: TrainingRun) -> SafeString | str:
        active = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
        return cold_start_chart(run, active) or "-"

    @admin.display(description="curves")
    def losses(self, run: TrainingRun) -> SafeString | str:
        return loss_chart(run) or "-"

    @admin.display(description="stages")
    def seconds_by_stage(self, run: TrainingRun) -> str:
        return ", ".join(f"{name} {value:.1f} s" for name, value in run.stage_seconds.items())

    @admin.display(description="epochs")
    def epochs(self, run: TrainingRun) -> SafeString:
        history = run.history.get("embeddings", {})
        training, validation = history.get("training", []), history.get("validation", [])
        rows = [
            (
                f"{number}{' (kept)' if number == history.get('best_epoch') else ''}",
                f"{error:.4f}",
                f"{validation[number - 1]:.4f}" if number <= len(validation) else "-",
            )
            for number, error in enumerate(training, start=1)
        ]
        return _table(("epoch", "training error", "validation error"), rows)

    @admin.display(description="left out")
    def skipped(self, run: TrainingRun) -> str:
        return "; ".join(f"{name}: {reason}" for name, reason in run.skipped_parts.items()) or "-"

    @admin.display(description="SHA-256")
    def file_checksums(self, run: TrainingRun) -> SafeString:
        return _table(("file", "SHA-256"), sorted(run.checksums.items()))

    @admin.display(description="data")
    def data(self, run: TrainingRun) -> SafeString:
        return _pretty(run.dataset)

    @admin.display(description="hyperparameters")
    def settings(self, run: TrainingRun) -> SafeString:
        return _pretty(run.hyperparameters)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("start/", wrap(self.start), name="recommender_trainingrun_start"),
            path(
                "compare/",
                wrap(console.compare),
                {"site": self.admin_site},
                name="recommender_compare_runs",
            ),
            path(
                "online/",
                wrap(console.online),
                {"site": self.admin_site},
                name="recommender_online",
            ),
            path("look/", wrap(console.look), {"site": self.admin_site}, name="recommender_look"),
            path("<int:run_id>/cancel/", wrap(self.cancel), name="recommender_trainingrun_cancel"),
            path(
                "<int:run_id>/rollback/",
                wrap(self.rollback),
                name="recommender_trainingrun_rollback",
            ),
            *super().get_urls(),
        ]

    def start(self, request: HttpRequest) -> HttpResponse:
        """Ask for a full run."""

        def do(user: User) -> str:
            run = request_run(trigger="admin", started_by=user, force="force" in request.POST)
            return f"Run {run.pk} is queued."

        return self._confirmed(
            request,
            do,
            title="Start a full training run?",
            text="The worker fits everything anew. Readers keep the active run until the new one "
            "has passed the gate.",
            may_force=True,
        )

    def cancel(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Stop a run that is under way."""

        def do(user: User) -> str:
            status = cancel_run(run_id, by=user.get_username())
            is_over = status == TrainingRun.Status.CANCELLED
            return f"Run {run_id} {'is cancelled' if is_over else 'stops where it next reports'}."

        return self._confirmed(
            request, do, title=f"Cancel run {run_id}?", text="The active run goes on being served."
        )

    def rollback(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Serve a retired run again."""

        def do(user: User) -> str:
            run = rollback_run(run_id, by=user.get_username())
            return f"Run {run.pk} is live again."

        return self._confirmed(
            request,
            do,
            title=f"Roll back to run {run_id}?",
            text="Its files are checked first; then every web process serves it. Nothing is "
            "trained. The next training run that passes the gate takes its place.",
        )

    def _confirmed(
        self,
        request: HttpRequest,
        do: Callable[[User], str],
        *,
        title: str,
        text: str,
        may_force: bool = False,
    ) -> HttpResponse:
        """Ask first; do it on POST, and say what came of it."""
        # Read-only rows deny this to everybody; what is asked for is the permission itself.
        if not request.user.has_perm("recommender.change_trainingrun"):
            raise PermissionDenied
        overview = reverse("admin:recommender_trainingrun_changelist")
        if request.method == "POST" and isinstance(request.user, User):
            try:
                messages.success(request, do(request.user))
            except TrainingError as error:
                messages.error(request, str(error))
            return redirect(overview)
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": title,
            "text": text,
            "may_force": may_force,
            "overview": overview,
        }
        return TemplateResponse(request, "admin/recommender/trainingrun/confirm.html", context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        is_under_way = TrainingRun.objects.filter(status__in=TrainingRun.UNDER_WAY).exists()
        return super().changelist_view(
            request,
            {
                **(extra_context or {}),
                "may_start": request.user.has_perm("recommender.change_trainingrun"),
                "may_look": request.user.has_perm(console.LOOK),
                "is_under_way": is_under_way,
            },
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        may = run is not None and request.user.has_perm("recommender.change_trainingrun")
        return super().change_view(
            request,
            object_id,
            form_url,
            {
                **(extra_context or {}),
                "is_under_way": bool(run and run.is_under_way),
                "may_cancel": bool(may and run and run.is_under_way),
                "may_roll_back": bool(
                    may and run and run.status == TrainingRun.Status.RETIRED and run.artifact
                ),
            },
        )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> SafeString:
    if not rows:
        return mark_safe("-")
    return format_html(
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
        format_html_join("", "<th>{}</th>", ((name,) for name in head)),
        format_html_join(
            "",
            "<tr>{}</tr>",
            ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows),
        ),
    )


def _pretty(value: object) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=1, sort_keys=True))
