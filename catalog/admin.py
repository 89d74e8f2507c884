"""What a curator may change by hand; titles and names come from imports."""

from typing import ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from catalog.models import Author, Book, DataImport, Genre, Series, Tag


class ReadOnly(admin.ModelAdmin):
    """Rows that only services write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ("title", "publication_year", "language", "ratings_count", "is_hidden", "source")
    list_filter = ("is_hidden", "source", "description_source")
    search_fields = ("title", "original_title", "isbn13", "isbn10", "search_text")
    ordering = ("-ratings_count", "id")
    show_full_result_count = False
    # What the site's search text is made of is not edited here: services keep the two together.
    fields = (
        "title",
        "original_title",
        "publication_year",
        "language",
        "is_hidden",
        "cover_url",
        "description",
        "description_source",
        "source",
        "external_id",
        "isbn10",
        "isbn13",
        "average_rating",
        "ratings_count",
    )
    readonly_fields = (
        "title",
        "original_title",
        "description_source",
        "source",
        "external_id",
        "isbn10",
        "isbn13",
        "average_rating",
        "ratings_count",
    )

    formfield_overrides: ClassVar = {models.URLField: {"assume_scheme": "https"}}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Book | None = None) -> bool:
        # Hiding keeps the readers' ratings; deleting would take them along.
        return False

    def save_model(
        self, request: HttpRequest, obj: Book, form: forms.ModelForm, change: bool
    ) -> None:
        if "description" in form.changed_data:
            obj.description_source = (
                Book.DescriptionSource.CURATOR if obj.description else Book.DescriptionSource.NONE
            )
        super().save_model(request, obj, form, change)


@admin.register(Author, Series)
class NamedAdmin(ReadOnly):
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(Genre)
class GenreAdmin(ReadOnly):
    list_display = ("name", "slug")
    ordering = ("name",)


@admin.register(Tag)
class TagAdmin(ReadOnly):
    list_display = ("name", "genre")
    list_select_related: ClassVar = ("genre",)
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(DataImport)
class DataImportAdmin(ReadOnly):
    list_display = ("finished_at", "source", "digest")
