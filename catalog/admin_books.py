"""Books in the administration: a front door to `catalog.curation`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from import_export.admin import ImportMixin
from import_export.formats import base_formats

from catalog.admin_forms import BookForm, CoverForm, NewBookForm
from catalog.admin_rows import ReasonForm, ToldInWords, confirmed
from catalog.curation.books import add_book, edit_book, set_hidden
from catalog.curation.covers import remove_cover, upload_cover
from catalog.curation.errors import CurationError
from catalog.models import Book
from catalog.new_book_files import FileInCache, NewBookResource, SmallFileForm

_NOT_EDITED = ("source", "external_id", "description_source", "average_rating", "ratings_count")


class ChangedByCurator(admin.SimpleListFilter):
    title = "changed by a curator"
    parameter_name = "curated"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Book]) -> QuerySet[Book]:
        if self.value() == "yes":
            return queryset.exclude(curated=[])
        return queryset.filter(curated=[]) if self.value() == "no" else queryset


@admin.register(Book)
class BookAdmin(ImportMixin, ToldInWords):
    list_display = ("title", "publication_year", "language", "ratings_count", "is_hidden", "source")
    list_filter = ("is_hidden", "source", ChangedByCurator, "description_source")
    search_fields = ("title", "original_title", "isbn13", "isbn10", "search_text")
    ordering = ("-ratings_count", "id")
    show_full_result_count = False
    actions = ("hide", "show_again")
    readonly_fields = _NOT_EDITED
    formfield_overrides: ClassVar = {models.URLField: {"assume_scheme": "https"}}
    change_form_template = "admin/catalog/book/change_form.html"
    import_export_change_list_template = "admin/catalog/book/change_list.html"
    resource_classes: ClassVar = [NewBookResource]
    import_form_class = SmallFileForm
    import_formats: ClassVar = [base_formats.CSV]
    tmp_storage_class = FileInCache
    skip_admin_log = True

    def get_form(
        self, request: HttpRequest, obj: Book | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        # A reader of the administration without the right to change sees the plain fields.
        kwargs["form"] = BookForm if obj else NewBookForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Book | None = None) -> Any:
        listed = ["title", "authors_text", "series_text", "genre_choices"]
        if obj is None or obj.external_id is None:
            listed.append("tags_text")
        numbers = ["isbn13", "isbn10"] if obj else ["isbn"]
        about = ["publication_year", "language", *numbers, "original_title"]
        texts = ["description", "cover_url"]
        if not self._may_write(request, obj):
            # Fields of the form alone are none of a page that is only read.
            plain = ["title", *(name for name in about if name != "isbn"), *texts, "is_hidden"]
            return [(None, {"fields": plain}), ("From the data set", {"fields": _NOT_EDITED})]
        sets: list[tuple[str | None, dict[str, Any]]] = [
            (None, {"fields": [*listed, *about, *texts, *(["is_hidden"] if obj else []), "reason"]})
        ]
        if obj:
            sets.append(("From the data set", {"fields": _NOT_EDITED}))
        return sets

    def _may_write(self, request: HttpRequest, obj: Book | None) -> bool:
        if obj is None:
            return self.has_add_permission(request)
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Book | None = None) -> bool:
        # Hiding keeps the readers' ratings; deleting would take them along.
        return False

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def save_form(self, request: HttpRequest, form: forms.ModelForm, change: bool) -> Book:
        """Return the book without the form's values: a service writes them."""
        book: Book = form.instance
        if not change:
            return book
        found = Book.objects.filter(pk=book.pk).first()
        if found is None:
            raise CurationError("This book is no longer in the catalogue.")
        return found

    def save_model(
        self, request: HttpRequest, obj: Book, form: forms.ModelForm, change: bool
    ) -> None:
        reason = form.cleaned_data.get("reason", "")
        if isinstance(form, NewBookForm):
            obj.pk = add_book(form.new_values, by=request.user, reason=reason).pk
        elif isinstance(form, BookForm):
            values = form.changed_values
            action = "edited"
            if values.keys() == {"is_hidden"}:
                action = "hidden" if values["is_hidden"] else "shown again"
            edit_book(obj.pk, values, by=request.user, reason=reason, action=action)

    def save_related(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the service has written it."""

    def construct_change_message(
        self, request: HttpRequest, form: forms.BaseForm, formsets: Any, add: bool = False
    ) -> Any:
        # The journal has it in full.
        return "added" if add else "changed"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Lead to the journal of this book, from which each change can be undone."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        journal = reverse("admin:catalog_curationchange_changelist")
        return redirect(f"{journal}?{urlencode({'book__id__exact': object_id})}")

    @admin.action(permissions=["change"], description="Hide the chosen books")
    def hide(self, request: HttpRequest, chosen: QuerySet[Book]) -> HttpResponse | None:
        return self._hide(request, chosen, "hide", True)

    @admin.action(permissions=["change"], description="Show the chosen books again")
    def show_again(self, request: HttpRequest, chosen: QuerySet[Book]) -> HttpResponse | None:
        return self._hide(request, chosen, "show_again", False)

    def _hide(
        self, request: HttpRequest, chosen: QuerySet[Book], action: str, is_hidden: bool
    ) -> HttpResponse | None:
        def do(keys: Sequence[int], data: Mapping[str, Any]) -> str:
            n = set_hidden(keys, is_hidden, by=request.user, reason=data["reason"])
            return f"{n:,} of {len(keys):,} books {'hidden' if is_hidden else 'shown again'}."

        return confirmed(
            self,
            request,
            chosen,
            do,
            action=action,
            question="Hide {n} books?" if is_hidden else "Show {n} books again?",
            form_class=ReasonForm,
        )

    def get_urls(self) -> list[URLPattern]:
        cover = path(
            "<int:book_id>/cover/",
            self.admin_site.admin_view(self.cover_view),
            name="catalog_book_cover",
        )
        return [cover, *super().get_urls()]

    def cover_view(self, request: HttpRequest, book_id: int) -> HttpResponse:
        """Take a picture as the book's cover, or take the one there away."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        book = Book.objects.filter(pk=book_id).first()
        if book is None:
            raise Http404("There is no such book.")
        try:
            return self._cover_view(request, book)
        except CurationError as error:
            messages.error(request, str(error))
            return redirect("admin:catalog_book_changelist")

    def _cover_view(self, request: HttpRequest, book: Book) -> HttpResponse:
        removes = "remove" in request.POST
        form = CoverForm(None if removes else request.POST or None, request.FILES or None)
        done = removes
        if removes:
            remove_cover(book.pk, by=request.user)
        elif request.method == "POST" and form.is_valid():
            try:
                upload_cover(
                    book.pk,
                    form.cleaned_data["cover"].file,
                    by=request.user,
                    reason=form.cleaned_data["reason"],
                )
                done = True
            except ValidationError as error:
                form.add_error("cover", error.messages)
        if done:
            messages.success(request, f"The cover of “{book.title}” is changed.")
            return redirect("admin:catalog_book_change", book.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Cover of “{book.title}”",
            "book": book,
            "form": form,
        }
        return TemplateResponse(request, "admin/catalog/book/cover.html", context)
