"""Opinions belong to their readers: a curator may look, not change."""

from django.contrib import admin

from catalog.admin import ReadOnly
from ratings.models import Rating, ShelfEntry


class LookOnly(ReadOnly):
    search_fields = ("=user__username", "=book__id")
    search_help_text = "A reader’s exact username, or a book’s number."
    ordering = ("-id",)


@admin.register(Rating)
class RatingAdmin(LookOnly):
    list_display = ("user", "book", "stars", "updated_at")
    list_select_related = ("user", "book")


@admin.register(ShelfEntry)
class ShelfEntryAdmin(LookOnly):
    list_display = ("user", "book", "shelf", "added_at")
    list_select_related = ("user", "book")
