"""The page from which a reader takes everything along."""

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.requests import ReaderRequest
from ratings.export import export_archive, goodreads_rows
from ratings.library_import.report import csv_lines


@require_safe
@never_cache
@login_required
def export_data(request: ReaderRequest) -> HttpResponse:
    return render(request, "library/export.html")


@require_safe
@never_cache
@login_required
def export_zip(request: ReaderRequest) -> FileResponse:
    """Give everything, as a ZIP file."""
    return FileResponse(
        export_archive(request.user),
        as_attachment=True,
        filename=f"bookrec-{timezone.now():%Y-%m-%d}.zip",
        content_type="application/zip",
    )


@require_safe
@never_cache
@login_required
def export_goodreads(request: ReaderRequest) -> StreamingHttpResponse:
    """Give the library in the form of a Goodreads export."""
    response = StreamingHttpResponse(
        csv_lines(goodreads_rows(request.user)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="goodreads_library_export.csv"'
    return response
