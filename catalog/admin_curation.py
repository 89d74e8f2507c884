"""Boosts, editorial lists, tags, series and the journal in the administration."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin_forms import BoostForm, ListForm
from catalog.admin_rows import ChosenRelations, ReadOnly, ReasonForm, ToldInWords, confirmed
from catalog.curation.boosts import boost_book, end_boost
from catalog.curation.errors import CurationError
from catalog.curation.lists import MAX_BOOKS, delete_list, save_list
from catalog.curation.series import move_volumes
from catalog.curation.tags import make_synonyms, set_blocked, set_genre
from catalog.curation.undo import undo
from catalog.models import Boost, CurationChange, EditorialEntry, EditorialList, Genre, Series, Tag
from catalog.telling_tags import is_telling

# A form of more fields is not taken (DATA_UPLOAD_MAX_NUMBER_FIELDS): two for each volume.
_MAX_VOLUMES = 90


class InForce(admin.SimpleListFilter):
    title = "in force"
    parameter_name = "now"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Now"), ("later", "Later"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        open_end = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
        wanted = {
            "yes": open_end & Q(starts_at__lte=now),
            "later": Q(starts_at__gt=now),
            "over": Q(ends_at__lte=now),
        }.get(self.value() or "", Q())
        return queryset.filter(wanted)


@admin.register(Boost)
class BoostAdmin(ChosenRelations, ToldInWords):
    form = BoostForm
    list_display = ("book", "direction", "reason", "starts_at", "ends_at", "now", "created_by")
    list_filter = ("direction", InForce)
    list_select_related = ("book", "created_by")
    search_fields = ("book__title", "reason")
    autocomplete_fields = ("book",)
    show_full_result_count = False
    actions = ("end_now",)

    @admin.display(boolean=True, description="in force")
    def now(self, boost: Boost) -> bool:
        return boost.is_in_force

    def has_change_permission(self, request: HttpRequest, obj: Boost | None = None) -> bool:
        # Ended and made anew, so that the journal says what held when.
        return super().has_change_permission(request, obj) and obj is None

    def has_delete_permission(self, request: HttpRequest, obj: Boost | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Boost, form: Any, change: bool) -> None:
        made = boost_book(
            obj.book_id,
            obj.direction,
            reason=obj.reason,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            by=request.user,
        )
        obj.pk = made.pk

    @admin.action(permissions=["change"], description="End the chosen boosts now")
    def end_now(self, request: HttpRequest, chosen: QuerySet[Boost]) -> HttpResponse | None:
        def do(keys: Sequence[int], data: Mapping[str, Any]) -> str:
            n = sum(end_boost(key, by=request.user, reason=data["reason"]) for key in keys)
            return f"{n:,} of {len(keys):,} boosts ended."

        return confirmed(
            self, request, chosen, do, action="end_now", question="End {n} boosts now?"
        )


class EntryForm(forms.ModelForm):
    place = forms.IntegerField(required=False, min_value=1, max_value=999)

    class Meta:
        model = EditorialEntry
        fields = ("book",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["place"] = self.instance.position + 1


class EntryInline(ChosenRelations, admin.TabularInline):
    model = EditorialEntry
    form = EntryForm
    fields = ("book", "place")
    autocomplete_fields = ("book",)
    extra, min_num, max_num = 3, 1, MAX_BOOKS
    verbose_name_plural = "books, by place; without one they come last"

    def get_formset(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["validate_min"] = kwargs["validate_max"] = True
        return super().get_formset(*args, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EditorialEntry]:
        return super().get_queryset(request).select_related("book")


@admin.register(EditorialList)
class EditorialListAdmin(ToldInWords):
    form = ListForm
    list_display = ("title", "starts_at", "ends_at", "is_pinned", "place")
    list_filter = ("is_pinned", InForce)
    search_fields = ("title", "title_de")
    show_full_result_count = False
    inlines = (EntryInline,)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Wait for the books: a list is written whole."""

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Sequence[Any], change: bool
    ) -> None:
        rows = [
            (data.get("place") or MAX_BOOKS**2 + number, data["book"].pk)
            for number, data in enumerate(formsets[0].cleaned_data)
            if data.get("book") and not data.get("DELETE")
        ]
        saved = save_list(
            form.instance.pk if change else None,
            # What somebody else has changed since the page was opened stays.
            {
                name: value
                for name, value in form.cleaned_data.items()
                if not change or name in form.changed_data
            },
            [book for _place, book in sorted(rows)],
            by=request.user,
        )
        form.instance.pk = saved.pk

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        # The journal has it in full.
        return "added" if add else "changed"

    def delete_model(self, request: HttpRequest, obj: EditorialList) -> None:
        delete_list(obj.pk, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[EditorialList]) -> None:
        for pk in queryset.values_list("pk", flat=True):
            delete_list(pk, by=request.user)


class SynonymForm(ReasonForm):
    of = forms.CharField(
        label="Synonyms of",
        required=False,
        max_length=120,
        help_text="The tag's name as it is listed. Empty: words of their own again.",
    )

    def clean_of(self) -> Tag | None:
        name = self.cleaned_data["of"].strip()
        tag = Tag.objects.filter(name=name).first() if name else None
        if name and tag is None:
            raise ValidationError(f"There is no tag “{name}”.")
        return tag


class GenreForm(ReasonForm):
    genre = forms.ModelChoiceField(
        Genre.objects.order_by("name"), required=False, empty_label="(no genre)"
    )


class LeftOut(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("blocked", "Blocked"), ("synonym", "Synonym"), ("own", "Neither")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tag]) -> QuerySet[Tag]:
        wanted = {
            "blocked": Q(is_blocked=True),
            "synonym": Q(synonym_of__isnull=False),
            "own": Q(is_blocked=False, synonym_of=None),
        }.get(self.value() or "", Q())
        return queryset.filter(wanted)


@admin.register(Tag)
class TagAdmin(ReadOnly):
    list_display = ("name", "genre", "synonym_of", "is_blocked", "is_shown")
    list_select_related: ClassVar = ("genre", "synonym_of")
    list_filter = (LeftOut, "genre")
    search_fields = ("name",)
    ordering = ("name",)
    actions = ("block", "allow", "synonyms", "count_as")

    def has_curate_permission(self, request: HttpRequest) -> bool:
        # Rows are changed by these actions alone.
        return request.user.has_perm("catalog.change_tag")

    @admin.display(boolean=True, description="shown")
    def is_shown(self, tag: Tag) -> bool:
        """False too where the rule for what readers type of themselves leaves it out."""
        return not tag.is_blocked and tag.synonym_of is None and is_telling(tag.name)

    @admin.action(permissions=["curate"], description="Block the chosen tags")
    def block(self, request: HttpRequest, chosen: QuerySet[Tag]) -> HttpResponse | None:
        return self._block(request, chosen, "block", True)

    @admin.action(permissions=["curate"], description="Allow the chosen tags again")
    def allow(self, request: HttpRequest, chosen: QuerySet[Tag]) -> HttpResponse | None:
        return self._block(request, chosen, "allow", False)

    def _block(
        self, request: HttpRequest, chosen: QuerySet[Tag], action: str, is_blocked: bool
    ) -> HttpResponse | None:
        def do(keys: Sequence[int], data: Mapping[str, Any]) -> str:
            n = set_blocked(keys, is_blocked, by=request.user, reason=data["reason"])
            return f"{n:,} of {len(keys):,} tags {'blocked' if is_blocked else 'allowed'}."

        question = "Block {n} tags?" if is_blocked else "Allow {n} tags again?"
        return confirmed(self, request, chosen, do, action=action, question=question)

    @admin.action(permissions=["curate"], description="Make the chosen tags synonyms…")
    def synonyms(self, request: HttpRequest, chosen: QuerySet[Tag]) -> HttpResponse | None:
        def do(keys: Sequence[int], data: Mapping[str, Any]) -> str:
            n = make_synonyms(keys, data["of"], by=request.user, reason=data["reason"])
            return f"{n:,} tags changed."

        return confirmed(
            self,
            request,
            chosen,
            do,
            action="synonyms",
            question="Which tag do these {n} stand for?",
            form_class=SynonymForm,
        )

    @admin.action(permissions=["curate"], description="Count the chosen tags as a genre…")
    def count_as(self, request: HttpRequest, chosen: QuerySet[Tag]) -> HttpResponse | None:
        def do(keys: Sequence[int], data: Mapping[str, Any]) -> str:
            n = set_genre(keys, data["genre"], by=request.user, reason=data["reason"])
            return f"{n:,} tags changed; the genres of their books are made anew."

        return confirmed(
            self,
            request,
            chosen,
            do,
            action="count_as",
            question="Which genre do these {n} tags say?",
            form_class=GenreForm,
        )


@admin.register(Series)
class SeriesAdmin(ReadOnly):
    search_fields = ("name",)
    ordering = ("name",)
    change_form_template = "admin/catalog/series/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        move = path(
            "<int:series_id>/move/",
            self.admin_site.admin_view(self.move_view),
            name="catalog_series_move",
        )
        return [move, *super().get_urls()]

    def move_view(self, request: HttpRequest, series_id: int) -> HttpResponse:
        """Number volumes anew, or move them to another series: split, merge, rename."""
        if not request.user.has_perm("catalog.change_book"):
            raise PermissionDenied
        series = Series.objects.filter(pk=series_id).first()
        if series is None:
            raise Http404("There is no such series.")
        volumes = series.volumes.select_related("book").order_by("number", "label", "id")
        shown = list(volumes[: _MAX_VOLUMES + 1])
        to = request.POST.get("to", series.name)
        if request.method == "POST":
            chosen = set(request.POST.getlist("book"))
            labels = {
                row.book_id: request.POST.get(f"label-{row.book_id}", row.label)
                for row in shown
                if str(row.book_id) in chosen
            }
            reason = request.POST.get("reason", "")[:300]
            try:
                n = move_volumes(labels, of=series, to=to, by=request.user, reason=reason)
                messages.success(request, f"{n} books changed.")
                return redirect("admin:catalog_series_changelist")
            except ValidationError as error:
                messages.error(request, " ".join(error.messages))
            except CurationError as error:
                messages.error(request, str(error))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Volumes of “{series.name}”",
            "series": series,
            "volumes": shown[:_MAX_VOLUMES],
            "is_cut": len(shown) > _MAX_VOLUMES,
            "to": to,
        }
        return TemplateResponse(request, "admin/catalog/series/move.html", context)


@admin.register(CurationChange)
class CurationChangeAdmin(ReadOnly):
    list_display = ("at", "by", "subject", "name", "action", "reason", "is_undone")
    list_filter = ("subject", "action")
    list_select_related: ClassVar = ("by", "undone_by")
    search_fields = ("name", "reason", "by__username")
    ordering = ("-id",)
    actions = ("undo",)
    fields = ("at", "by", "subject", "name", "book", "action", "reason", "was", "became", "undoes")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup == "book__id__exact" or super().lookup_allowed(lookup, value, request)

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.change_curationchange")

    @admin.display(boolean=True, description="undone")
    def is_undone(self, change: CurationChange) -> bool:
        return hasattr(change, "undone_by")

    @admin.display(description="before")
    def was(self, change: CurationChange) -> SafeString:
        return _shown(change.before)

    @admin.display(description="after")
    def became(self, change: CurationChange) -> SafeString:
        return _shown(change.after)

    @admin.action(permissions=["undo"], description="Undo the chosen changes")
    def undo(self, request: HttpRequest, chosen: QuerySet[CurationChange]) -> HttpResponse | None:
        def do(keys: Sequence[int], data: Mapping[str, Any]) -> str:
            # The latest first: what was changed twice goes back twice.
            refused = []
            for key in sorted(keys, reverse=True):
                try:
                    undo(key, by=request.user, reason=data["reason"])
                except CurationError as error:
                    refused.append(str(error))
            if refused:
                self.message_user(request, " ".join(refused[:5]), messages.WARNING)
            return f"{len(keys) - len(refused):,} of {len(keys):,} changes undone."

        return confirmed(self, request, chosen, do, action="undo", question="Undo {n} changes?")


def _shown(values: Mapping[str, Any]) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(values, ensure_ascii=False, indent=2))
