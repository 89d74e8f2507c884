"""Opinions belong to their readers: an administrator may look, not change."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest

from accounts.models import User
from catalog.admin import ReadOnly
from ratings.merge_admin import BookMergeAdmin
from ratings.models import Dismissal, Rating, Reading, ShelfEntry

__all__ = [
    "BookMergeAdmin",
    "DismissalAdmin",
    "LookOnly",
    "RatingAdmin",
    "ReadingAdmin",
    "ShelfEntryAdmin",
]


class LookOnly(ReadOnly):
    # Only so that the field is shown: `get_search_results` asks otherwise.
    search_fields = ("user__username",)
    search_help_text = "A reader’s exact username, or a book’s number."
    ordering = ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look the name up first: over a join, "this reader or that book" would read millions."""
        term = search_term.strip()
        if not term:
            return queryset, False
        named = User.objects.alias(name=Lower("username")).filter(name=term.lower())
        wanted = Q(user__in=list(named.values_list("pk", flat=True)))
        if term.isascii() and term.isdecimal() and len(term) < 19:
            wanted |= Q(book=int(term))
        return queryset.filter(wanted), False


class _Choices(admin.SimpleListFilter):
    """A filter of values that are known: Django would ask millions of rows which there are."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = dict(self.lookups(request, None))
        if self.value() not in known:
            return queryset
        return queryset.filter(**{str(self.parameter_name): self.value()})

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        raise NotImplementedError


class _Stars(_Choices):
    title = parameter_name = "stars"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(stars), str(stars)) for stars in range(1, 6)]


class _Shelf(_Choices):
    title = parameter_name = "shelf"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in ShelfEntry.Shelf.choices]


class _FromSite(admin.SimpleListFilter):
    title = "readers"
    parameter_name = "readers"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("site", "of this site")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "site":
            return queryset
        return queryset.filter(user__in=User.objects.filter(source=User.Source.SITE).values("pk"))


@admin.register(Rating)
class RatingAdmin(LookOnly):
    list_display = ("user", "book", "stars", "updated_at")
    list_filter = (_Stars, _FromSite)
    list_select_related = ("user", "book")


@admin.register(ShelfEntry)
class ShelfEntryAdmin(LookOnly):
    list_display = ("user", "book", "shelf", "added_at")
    list_filter = (_Shelf, _FromSite)
    list_select_related = ("user", "book")


@admin.register(Reading)
class ReadingAdmin(LookOnly):
    list_display = ("user", "book", "finished_on")
    list_filter = (_FromSite,)
    list_select_related = ("user", "book")


@admin.register(Dismissal)
class DismissalAdmin(LookOnly):
    list_display = ("user", "book", "created_at")
    list_filter = (_FromSite,)
    list_select_related = ("user", "book")
