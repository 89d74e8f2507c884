"""Pages on which a reader brings a library along, sees what became of it, and takes it back."""

from typing import Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts.requests import ReaderRequest
from catalog.models import Book
from catalog.selectors import load_cards, visible_books
from ratings.errors import ImportNotPossible, ImportUnderWay, LibraryFileError
from ratings.library_import import report
from ratings.library_import.choosing import choose_book, reopen_row, skip_row
from ratings.library_import.limits import max_bytes, max_rows
from ratings.library_import.requests import (
    KEPT_DAYS,
    can_undo,
    request_import,
    request_undo,
    too_large,
)
from ratings.models import ImportRow, LibraryImport

ROWS_PER_PAGE: Final = 40
SHOWN_IMPORTS: Final = 10
MAX_QUERY: Final = 200
# Up to here a file is received and refused with a sentence; beyond, it is not even received.
RECEIVED_TIMES: Final = 8


class UploadForm(forms.Form):
    file = forms.FileField(
        error_messages={
            "required": gettext_lazy("Please choose the file first."),
            "empty": gettext_lazy("The file is empty."),
        }
    )
    replace_stars = forms.BooleanField(required=False)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def library_import(request: ReaderRequest) -> HttpResponse:
    """Refuse what is far too large before a byte of it is read; the token is checked below."""
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length[:18]) > RECEIVED_TIMES * max_bytes():
        return render(request, "library/too_large.html", {"problem": too_large()}, status=413)
    return _library_import(request)


@csrf_protect
@login_required
def _library_import(request: ReaderRequest) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            if upload.size > max_bytes():
                raise LibraryFileError(too_large())
            begun = request_import(
                user=request.user,
                file_name=upload.name,
                content=upload.read(),
                replace_stars=form.cleaned_data["replace_stars"],
            )
        except (LibraryFileError, ImportUnderWay) as error:
            form.add_error("file", str(error))
        else:
            return redirect("library_import_report", begun.pk)
    return render(
        request,
        "library/upload.html",
        {
            "form": form,
            "imports": report.imports_of(request.user)[:SHOWN_IMPORTS],
            "max_bytes": max_bytes(),
            "max_rows": max_rows(),
        },
        status=400 if form.errors else 200,
    )


@require_safe
@never_cache
@login_required
def library_import_report(request: ReaderRequest, import_id: int) -> HttpResponse:
    """Show how far an import is, then what became of its rows; one outcome with `?outcome=`."""
    library_import = report.import_or_404(request.user, import_id)
    context: dict[str, object] = {"import": library_import}
    if library_import.is_under_way:
        part = "library/_progress.html" if request.htmx else "library/progress.html"
        return render(request, part, context)
    if request.htmx:
        return HttpResponseClientRefresh()
    counts = report.outcome_counts(library_import)
    outcome = _outcome(request.GET.get("outcome", ""), library_import)
    rows = report.rows_with(library_import, outcome)
    page = Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    context |= {
        "page": page,
        "counts": counts,
        "outcome": outcome,
        "n_reported": sum(count.n_rows for count in counts),
        "n_to_put_right": sum(
            count.n_rows for count in counts if count.outcome in ImportRow.TO_PUT_RIGHT
        ),
        "can_undo": can_undo(library_import),
        "can_decide": _can_decide(library_import),
        "kept_days": KEPT_DAYS,
    }
    return render(request, "library/report.html", context)


@require_safe
@never_cache
@login_required
def library_import_failures(request: ReaderRequest, import_id: int) -> StreamingHttpResponse:
    """Give the rows that failed or need review as a CSV file, to be put right and uploaded."""
    library_import = report.import_or_404(request.user, import_id)
    lines = report.csv_lines(report.rows_to_put_right(library_import))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="library-to-put-right.csv"'
    return response


@require_POST
@never_cache
@login_required
def library_import_undo(request: ReaderRequest, import_id: int) -> HttpResponse:
    try:
        request_undo(report.import_or_404(request.user, import_id))
    except (ImportNotPossible, ImportUnderWay) as error:
        messages.error(request, str(error))
    return redirect("library_import_report", import_id)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def library_import_row(request: ReaderRequest, import_id: int, line: int) -> HttpResponse:
    """Show a row and the books it may mean; take a choice (`book`), or `action` skip or reopen."""
    library_import = report.import_or_404(request.user, import_id)
    row = report.row_or_404(library_import, line)
    if request.method == "POST":
        return _decide(request, row)
    query = request.GET.get("q", "")[:MAX_QUERY].replace("\0", " ").strip()
    is_open = row.outcome == ImportRow.Outcome.NEEDS_REVIEW and _can_decide(library_import)
    books = report.likely_books(row, query) if is_open else []
    load_cards(books)
    can_reopen = row.is_chosen or row.outcome == ImportRow.Outcome.SKIPPED
    return render(
        request,
        "library/row.html",
        {
            "import": library_import,
            "row": row,
            "cells": report.cells_by_column(library_import, row),
            "books": books,
            "query": query,
            "is_open": is_open,
            "can_reopen": can_reopen and _can_decide(library_import),
        },
    )


def _decide(request: ReaderRequest, row: ImportRow) -> HttpResponse:
    rows = ImportRow.objects.filter(pk=row.pk)
    action, book_id = request.POST.get("action", ""), request.POST.get("book", "")
    try:
        if action == "skip":
            skip_row(rows=rows)
            messages.success(request, _("“%(title)s” is skipped.") % {"title": row.title})
        elif action == "reopen":
            reopen_row(rows=rows)
            return redirect("library_import_row", row.library_import_id, row.line)
        elif book_id.isascii() and book_id.isdecimal() and len(book_id) <= 18:
            book: Book = get_object_or_404(visible_books(), pk=int(book_id))
            choose_book(rows=rows, book=book)
            messages.success(request, _("“%(title)s” is in your library.") % {"title": book.title})
        else:
            messages.error(request, _("Nothing was changed: please choose a book."))
            return redirect("library_import_row", row.library_import_id, row.line)
    except ImportNotPossible as error:
        messages.error(request, str(error))
    return redirect("library_import_report", row.library_import_id)


def _outcome(wanted: str, library_import: LibraryImport) -> str:
    """Return the outcome asked for; else what the reader has to put right, else all ("")."""
    if wanted == "all":
        return ""
    if wanted in ImportRow.Outcome.values:
        return wanted
    if not _can_decide(library_import):
        return ""
    return next((o for o in ImportRow.TO_PUT_RIGHT if library_import.counts.get(o)), "")


def _can_decide(library_import: LibraryImport) -> bool:
    return library_import.status == LibraryImport.Status.DONE and library_import.has_rows
