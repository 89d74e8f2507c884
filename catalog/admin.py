"""The catalogue in the administration; curators' changes go through `catalog.curation`."""

from django.contrib import admin

from catalog.admin_books import BookAdmin
from catalog.admin_curation import BoostAdmin, CurationChangeAdmin, EditorialListAdmin, TagAdmin
from catalog.admin_rows import ReadOnly
from catalog.models import Author, DataImport, Genre

__all__ = [
    "BookAdmin",
    "BoostAdmin",
    "CurationChangeAdmin",
    "EditorialListAdmin",
    "ReadOnly",
    "TagAdmin",
]


@admin.register(Author)
class AuthorAdmin(ReadOnly):
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(Genre)
class GenreAdmin(ReadOnly):
    list_display = ("name", "slug")
    ordering = ("name",)


@admin.register(DataImport)
class DataImportAdmin(ReadOnly):
    list_display = ("finished_at", "source", "digest")
