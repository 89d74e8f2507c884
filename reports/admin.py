"""Reports for operators: asked for here, made by the worker, read here."""

import gzip
from typing import Any, ClassVar, cast

from csp.constants import NONE, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from accounts.models import User
from catalog.admin import ReadOnly
from reports.errors import ReportUnderWay
from reports.models import Report
from reports.services import close_dead_reports, request_report

_OVERVIEW = "admin:reports_report_changelist"
# The file's own policy, and its own style in it: no script, nothing from anywhere.
_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "img-src": ["data:"],
    "script-src": [NONE],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [NONE],
}


@admin.register(Report)
class ReportAdmin(ReadOnly):
    change_list_template = "admin/reports/report/change_list.html"
    list_display = (
        "id",
        "status",
        "open",
        "requested_by",
        "requested_at",
        "took",
        "size",
        "reason",
    )
    list_select_related = ("requested_by",)
    ordering = ("-id",)
    fields = (
        *("status", "open", "requested_by", "requested_at", "started_at", "finished_at"),
        *("took", "n_figures", "size", "reason"),
    )
    readonly_fields: ClassVar = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        return super().get_queryset(request).defer("content")

    @admin.display(description="report")
    def open(self, report: Report) -> str:
        if report.status != Report.Status.READY:
            return "-"
        address = reverse("admin:reports_report_read", args=[report.pk])
        return format_html(
            '<a href="{}">Read</a> · <a href="{}?download">Download</a>', address, address
        )

    @admin.display(description="took")
    def took(self, report: Report) -> str:
        return "-" if report.seconds is None else f"{report.seconds:.1f} s"

    @admin.display(description="size")
    def size(self, report: Report) -> str:
        return "-" if report.n_bytes is None else filesizeformat(report.n_bytes)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("make/", wrap(self.make), name="reports_report_make"),
            path("<int:report_id>/read/", wrap(self.read), name="reports_report_read"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        close_dead_reports()
        under_way = Report.objects.filter(status__in=Report.UNDER_WAY)
        more = {
            "may_make": request.user.has_perm("reports.add_report"),
            "is_under_way": under_way.exists(),
        }
        return super().changelist_view(request, (extra_context or {}) | more)

    def make(self, request: HttpRequest) -> HttpResponse:
        """Ask for a report; POST only, and safe to send twice."""
        if not request.user.has_perm("reports.add_report"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            report = request_report(requested_by=cast(User, request.user))
        except ReportUnderWay as error:
            messages.warning(request, str(error))
        else:
            messages.success(
                request,
                f"Report {report.pk} is queued. The worker of training runs makes it; while a run "
                "is under way it waits for that.",
            )
        return redirect(_OVERVIEW)

    def read(self, request: HttpRequest, report_id: int) -> HttpResponseBase:
        """Show a report as the page that it is, or send it as a file."""
        if not request.user.has_perm("reports.view_report"):
            raise PermissionDenied
        report = Report.objects.filter(pk=report_id, status=Report.Status.READY).first()
        if report is None or report.content is None:
            raise Http404("There is no such report, or it is not ready.")
        content = gzip.decompress(report.content)

        @csp_replace(_POLICY)
        def send(request: HttpRequest) -> HttpResponse:
            response = HttpResponse(content, content_type="text/html; charset=utf-8")
            if "download" in request.GET:
                name = f"bookrec-report-{report_id}.html"
                response["Content-Disposition"] = f'attachment; filename="{name}"'
            return response

        return send(request)
