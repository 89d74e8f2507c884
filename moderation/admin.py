"""The queue of reports: looked at, dismissed, or acted upon; never changed or deleted."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import User
from catalog.admin import ReadOnly
from moderation.errors import CannotDecide
from moderation.models import Report
from moderation.services import act_on, actions_for, dismiss_reports

_MAY_DECIDE, _MAY_ACT_ON_PROFILES = "moderation.change_report", "moderation.act_on_profile"
_TEMPLATES = "admin/moderation/report"
_LABELS = {
    Report.Action.HIDE_BOOK: "Hide the book from everybody",
    Report.Action.MAKE_PRIVATE: "Make the profile private",
    Report.Action.CLOSE_ACCOUNT: "Close the account and log it out everywhere",
}


class _Kind(admin.SimpleListFilter):
    title = "of"
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("book", "a book"), ("profile", "a profile")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Report]) -> QuerySet[Report]:
        if self.value() in ("book", "profile"):
            return queryset.filter(**{f"{self.value()}__isnull": False})
        return queryset


class _Status(admin.SimpleListFilter):
    """What is open, unless something else is asked for."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("dismissed", "dismissed"), ("acted", "acted upon"), ("all", "all")]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": "open",
        }
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Report]) -> QuerySet[Report]:
        if self.value() == "all":
            return queryset
        return queryset.filter(status=self.value() or Report.Status.OPEN)


@admin.register(Report)
class ReportAdmin(ReadOnly):
    change_form_template = f"{_TEMPLATES}/change_form.html"
    list_display = ("thing", "reason", "words", "reports", "reporter", "created_at", "outcome")
    list_display_links = ("thing", "reason")
    list_filter = (_Status, _Kind, "reason", "created_at")
    search_fields = ("book__title", "profile__username", "reporter__username", "text")
    search_help_text = "A title, a name, or words of the report."
    ordering = ("created_at", "id")
    actions = ("dismiss_chosen",)
    fields = (
        "what",
        "reason",
        "text",
        "reporter",
        "created_at",
        "same",
        "outcome",
        "decided_by",
        "decided_at",
    )
    readonly_fields = ("what", "same", "outcome")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        """Return the reports that somebody may decide on: curators those of books alone."""
        n_same = (
            Report.objects.filter(status=Report.Status.OPEN)
            .filter(Q(book=OuterRef("book")) | Q(profile=OuterRef("profile")))
            .order_by()
            .values("status")
            .annotate(n=Count("pk"))
            .values("n")
        )
        reports: QuerySet[Report] = (
            super()
            .get_queryset(request)
            .select_related("book", "profile", "reporter", "decided_by")
            .defer("book__description", "book__search_text")
            .annotate(n_open=Coalesce(Subquery(n_same), 0))
        )
        if not request.user.has_perm(_MAY_ACT_ON_PROFILES):
            reports = reports.filter(profile=None)
        return reports

    @admin.display(description="reported")
    def thing(self, found: Report) -> str:
        return f"“{found.book}”" if found.book else f"profile of {found.profile}"

    @admin.display(description="reported")
    def what(self, found: Report) -> SafeString:
        if found.book:
            state = ", hidden" if found.book.is_hidden else ""
            address = reverse("admin:catalog_book_change", args=[found.book.pk])
            page = found.book.get_absolute_url()
            return format_html(
                '<a href="{}">{}</a> (<a href="{}">page</a>{})', address, found.book, page, state
            )
        assert found.profile is not None  # noqa: S101 - the database's own constraint
        page = reverse("public_profile", args=[found.profile.username])
        state = "account closed" if not found.profile.is_active else "account open"
        is_public = "public" if found.profile.profile_is_public else "private"
        return format_html(
            'profile of <a href="{}">{}</a> ({}, {})', page, found.profile, state, is_public
        )

    @admin.display(description="in words")
    def words(self, found: Report) -> str:
        return found.text if len(found.text) <= 80 else f"{found.text[:79]}…"

    @admin.display(description="open reports", ordering="n_open")
    def reports(self, found: Any) -> int:
        return int(found.n_open)

    @admin.display(description="open reports of the same")
    def same(self, found: Any) -> int:
        return int(found.n_open)

    @admin.display(description="outcome")
    def outcome(self, found: Report) -> str:
        if found.status == Report.Status.OPEN:
            return "open"
        who = found.decided_by or "somebody who left"
        done = found.get_action_display() if found.action else "dismissed"
        return f"{done}, by {who} on {found.decided_at:%Y-%m-%d %H:%M}"

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Return whether somebody may decide; asked by the bulk action."""
        return request.user.has_perm(_MAY_DECIDE)

    @admin.action(description="Dismiss the chosen reports…", permissions=["decide"])
    def dismiss_chosen(
        self, request: HttpRequest, queryset: QuerySet[Report]
    ) -> HttpResponse | None:
        """Ask first, with what would be dismissed; do it when that is sent."""
        chosen = queryset.filter(status=Report.Status.OPEN).order_by("pk")
        if request.POST.get("confirmed") and isinstance(request.user, User):
            n_closed = dismiss_reports(ids=chosen.values_list("pk", flat=True), by=request.user)
            messages.success(request, f"{n_closed} report{'' if n_closed == 1 else 's'} dismissed.")
            return None
        reports = list(chosen)
        context = {
            "title": "Dismiss these reports?",
            "reports": reports,
            "n_things": len({(found.book_id, found.profile_id) for found in reports}),
            "action_name": "dismiss_chosen",
        }
        return self._page(request, "dismiss.html", context)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:report_id>/decide/", wrap(self.decide), name="moderation_report_decide"),
            *super().get_urls(),
        ]

    def decide(self, request: HttpRequest, report_id: int) -> HttpResponse:
        """Ask first, with how many reports it closes; do it on POST."""
        if not request.user.has_perm(_MAY_DECIDE):
            raise PermissionDenied
        found: Any = self.get_object(request, str(report_id))
        if found is None or not isinstance(request.user, User):
            return redirect("admin:moderation_report_changelist")
        action = request.POST.get("action") or request.GET.get("action", "")
        choices = {name: _LABELS[Report.Action(name)] for name in actions_for(found, request.user)}
        if request.method == "POST":
            try:
                if action == "dismiss":
                    n_closed = dismiss_reports(ids=[found.pk], by=request.user)
                else:
                    n_closed = act_on(report_id=found.pk, action=action, by=request.user)
            except CannotDecide as error:
                messages.error(request, str(error))
            else:
                self.log_change(request, found, f"Decided: {action}.")
                messages.success(
                    request, f"{n_closed} report{'' if n_closed == 1 else 's'} closed."
                )
            return redirect("admin:moderation_report_changelist")
        if action not in choices:
            raise PermissionDenied
        context = {
            "title": f"{choices[action]}?",
            "found": found,
            "thing": self.thing(found),
            "action": action,
            "n_open": found.n_open,
        }
        return self._page(request, "decide.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        user = request.user
        may = found is not None and isinstance(user, User) and user.has_perm(_MAY_DECIDE)
        choices = (
            [(name, _LABELS[Report.Action(name)]) for name in actions_for(found, user)]
            if may and found is not None and isinstance(user, User)
            else []
        )
        is_open = bool(found and found.status == Report.Status.OPEN)
        extra = {"choices": choices, "may_dismiss": may and is_open}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        shared = self.admin_site.each_context(request) | {"opts": self.opts, "media": self.media}
        return TemplateResponse(request, f"{_TEMPLATES}/{name}", shared | context)
