"""Merging duplicates: what is proposed, two books side by side, and what was merged."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.models import User
from catalog.admin import ReadOnly
from catalog.admin_rows import RelationChoice
from catalog.models import Book
from catalog.selectors import visible_books
from catalog.twins import say_different
from ratings.book_merges import UNDO_DAYS, merge_books, undo_merge
from ratings.errors import MergeNotPossible
from ratings.merge_candidates import pair_of, proposed_pairs
from ratings.models import BookMerge

_TEMPLATES = "admin/ratings/bookmerge"
_MAY_MERGE, _MAY_UNDO = "ratings.add_bookmerge", "ratings.change_bookmerge"
_KINDS = (
    ("ratings", "ratings"),
    ("shelf_entries", "shelf entries"),
    ("readings", "readings"),
    ("notes", "notes"),
    ("dismissals", "dismissals"),
)


class TwoBooks(forms.Form):
    """Two different books, by number."""

    first = forms.ModelChoiceField(
        visible_books(),
        widget=RelationChoice(BookMerge._meta.get_field("merged"), admin.site),
    )
    second = forms.ModelChoiceField(
        visible_books(),
        widget=RelationChoice(BookMerge._meta.get_field("survivor"), admin.site),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("first") and cleaned.get("first") == cleaned.get("second"):
            raise forms.ValidationError("Choose two different books.")
        return cleaned


class _Decision(forms.Form):
    """Which of the two books stays; or that they are two."""

    survivor = forms.IntegerField()
    merged = forms.IntegerField()
    answer = forms.ChoiceField(choices=[("merge", ""), ("different", "")])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("survivor") == cleaned.get("merged"):
            raise forms.ValidationError("Two books are needed.")
        return cleaned


@admin.register(BookMerge)
class BookMergeAdmin(ReadOnly):
    change_list_template = f"{_TEMPLATES}/change_list.html"
    change_form_template = f"{_TEMPLATES}/change_form.html"
    list_display = ("merged", "survivor", "readers", "merged_by", "merged_at", "state")
    list_filter = ("merged_at", ("undone_at", admin.EmptyFieldListFilter))
    list_select_related = ("merged", "survivor", "merged_by")
    search_fields = ("merged__title", "survivor__title", "=merged__id", "=survivor__id")
    search_help_text = "A title, or a book’s number."
    ordering = ("-id",)
    fields = ("merged_book", "surviving_book", "merged_by", "merged_at", "moved", "state")
    readonly_fields = ("merged_book", "surviving_book", "moved", "state")

    @admin.display(description="readers")
    def readers(self, merge: BookMerge) -> int:
        readers: int = merge.counts.get("readers", 0)
        return readers

    @admin.display(description="merged book")
    def merged_book(self, merge: BookMerge) -> SafeString:
        return _link(merge.merged)

    @admin.display(description="into")
    def surviving_book(self, merge: BookMerge) -> SafeString:
        return _link(merge.survivor)

    @admin.display(description="what moved")
    def moved(self, merge: BookMerge) -> str:
        counts = merge.counts
        rows = ", ".join(f"{counts.get(key, 0):,} {name}" for key, name in _KINDS)
        return (
            f"{rows}; of {counts.get('readers', 0):,} readers, {counts.get('of_both', 0):,} of "
            "whom had spoken of both"
        )

    @admin.display(description="state")
    def state(self, merge: BookMerge) -> str:
        if merge.undone_at:
            return f"undone by {merge.undone_by or 'somebody'} on {merge.undone_at:%Y-%m-%d}"
        return "can be undone" if merge.is_undoable else f"final after {UNDO_DAYS} days"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("candidates/", wrap(self.candidates), name="ratings_bookmerge_candidates"),
            path("compare/", wrap(self.compare), name="ratings_bookmerge_compare"),
            path("<int:merge_id>/undo/", wrap(self.undo), name="ratings_bookmerge_undo"),
            *super().get_urls(),
        ]

    def candidates(self, request: HttpRequest) -> HttpResponse:
        """Show the pairs that may be one book, and a form to choose any two."""
        _ask_for(request, _MAY_MERGE)
        form = TwoBooks(request.GET or None)
        if form.is_valid():
            return redirect(_compare(form.cleaned_data["first"], form.cleaned_data["second"]))
        context = {
            "title": "Books that may be one",
            "form": form,
            "media": self.media + form.media,
            "pairs": [
                (pair, _compare(pair.first.book, pair.second.book)) for pair in proposed_pairs()
            ],
        }
        return self._page(request, "candidates.html", context)

    def compare(self, request: HttpRequest) -> HttpResponse:
        """Show two books side by side with counts; on POST merge them, or say they are two."""
        _ask_for(request, _MAY_MERGE)
        if request.method == "POST":
            return self._decide(request)
        form = TwoBooks(request.GET)
        pair = (
            pair_of(form.cleaned_data["first"].pk, form.cleaned_data["second"].pk)
            if form.is_valid()
            else None
        )
        if pair is None:
            messages.error(request, "Choose two different books that readers see.")
            return redirect("admin:ratings_bookmerge_candidates")
        sides = [(pair.first, pair.second), (pair.second, pair.first)]
        context = {
            "title": "Are these one book?",
            "pair": pair,
            # Each with the one that would be merged into it.
            "sides": sides,
            "facts": [
                (label, read(pair.first.book), read(pair.second.book)) for label, read in _FACTS
            ],
            "counts": [
                ("Readers", pair.first.readers, pair.second.readers),
                *(
                    (name.capitalize(), getattr(pair.first, key), getattr(pair.second, key))
                    for key, name in _KINDS
                ),
            ],
            "days": UNDO_DAYS,
        }
        return self._page(request, "compare.html", context)

    def _decide(self, request: HttpRequest) -> HttpResponse:
        form = _Decision(request.POST)
        if not form.is_valid() or not isinstance(request.user, User):
            messages.error(request, "Nothing was changed: choose the book that stays.")
            return redirect("admin:ratings_bookmerge_candidates")
        merged, survivor = form.cleaned_data["merged"], form.cleaned_data["survivor"]
        try:
            if form.cleaned_data["answer"] == "different":
                say_different(merged, survivor, by=request.user.pk)
                messages.success(request, "They are two books, and not proposed again.")
                return redirect("admin:ratings_bookmerge_candidates")
            merge = merge_books(merged=merged, survivor=survivor, by=request.user)
        except (MergeNotPossible, Book.DoesNotExist) as error:
            messages.error(request, str(error))
            return redirect("admin:ratings_bookmerge_candidates")
        self.log_change(request, merge.survivor, f"Merged book {merged} into it.")
        messages.success(
            request,
            f"“{merge.merged}” is part of “{merge.survivor}” now: {self.moved(merge)}. "
            f"It can be undone for {UNDO_DAYS} days.",
        )
        return redirect("admin:ratings_bookmerge_change", merge.pk)

    def undo(self, request: HttpRequest, merge_id: int) -> HttpResponse:
        """Ask first; make two books again on POST."""
        _ask_for(request, _MAY_UNDO)
        merge = self.get_object(request, str(merge_id))
        if merge is None:
            return redirect("admin:ratings_bookmerge_changelist")
        if request.method == "POST" and isinstance(request.user, User):
            try:
                undo_merge(merge_id=merge_id, by=request.user)
            except MergeNotPossible as error:
                messages.error(request, str(error))
            else:
                self.log_change(request, merge.survivor, f"Parted book {merge.merged_id} from it.")
                messages.success(request, f"“{merge.merged}” is a book of its own again.")
            return redirect("admin:ratings_bookmerge_change", merge_id)
        context = {
            "title": f"Make “{merge.merged}” a book of its own again?",
            "merge": merge,
            "moved": self.moved(merge),
        }
        return self._page(request, "undo.html", context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_merge = request.user.has_perm(_MAY_MERGE)
        return super().changelist_view(request, {**(extra_context or {}), "may_merge": may_merge})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        merge = self.get_object(request, object_id)
        may_undo = bool(merge and merge.is_undoable and request.user.has_perm(_MAY_UNDO))
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "may_undo": may_undo}
        )

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        shared = self.admin_site.each_context(request) | {"opts": self.opts}
        return TemplateResponse(request, f"{_TEMPLATES}/{name}", shared | context)


def _ask_for(request: HttpRequest, permission: str) -> None:
    # Read-only rows deny changes to everybody; what is asked for is the permission itself.
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _compare(first: Book, second: Book) -> str:
    query = urlencode({"first": first.pk, "second": second.pk})
    return f"{reverse('admin:ratings_bookmerge_compare')}?{query}"


def _link(book: Book) -> SafeString:
    address = reverse("admin:catalog_book_change", args=[book.pk])
    return format_html('<a href="{}">{}</a> (book {})', address, book.title, book.pk)


def _volumes(book: Book) -> str:
    return ", ".join(f"{row.series.name} #{row.label or '–'}" for row in book.volumes.all())


_FACTS: tuple[tuple[str, Callable[[Book], object]], ...] = (
    ("Book", lambda book: book.pk),
    ("Title", lambda book: book.title),
    ("Original title", lambda book: book.original_title),
    ("Authors", lambda book: ", ".join(row.author.name for row in book.authorships.all())),
    ("Series", _volumes),
    ("First published", lambda book: book.publication_year),
    ("Language", lambda book: book.language),
    ("ISBN", lambda book: book.isbn13 or book.isbn10),
    ("Goodreads id", lambda book: book.goodreads_book_id),
    ("Mean on Goodreads", lambda book: book.average_rating),
    ("Ratings on Goodreads", lambda book: f"{book.ratings_count:,}"),
    ("Source", lambda book: book.get_source_display()),
    ("Description", lambda book: book.description[:300]),
)
