"""Pages of the catalogue alone; those that show opinions too are composed in `bookrec_site`."""

import hashlib

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from catalog.curation.covers import CONTENT_TYPE
from catalog.models import Book
from catalog.placeholders import draw_cover
from catalog.selectors import load_cards, visible_books

DRAWN_COVER_MAX_AGE_SECONDS = 24 * 3600
# The name is made of the content: another picture has another address.
UPLOADED_COVER_MAX_AGE_SECONDS = 365 * 24 * 3600


@require_safe
def placeholder_cover(request: HttpRequest, book_id: int) -> HttpResponse:
    book: Book = get_object_or_404(visible_books(), pk=book_id)
    load_cards([book], with_series=False)
    authors = [authorship.author.name for authorship in book.authorships.all()]
    svg = draw_cover(book.title, authors[0] if authors else "").encode()
    response = HttpResponse(svg, content_type="image/svg+xml")
    response["Cache-Control"] = f"public, max-age={DRAWN_COVER_MAX_AGE_SECONDS}"
    etag = f'"{hashlib.sha256(svg).hexdigest()[:32]}"'
    response["ETag"] = etag
    conditional = get_conditional_response(request, etag=etag, response=response)
    return conditional or response


@require_safe
def uploaded_cover(request: HttpRequest, book_id: int, name: str) -> HttpResponseBase:
    """Return the picture that a curator gave the book, while it is shown: no other file."""
    book: Book = get_object_or_404(visible_books().only("cover"), pk=book_id)
    if not book.cover or book.cover.rpartition("/")[2] != name:
        raise Http404("There is no such cover.")
    try:
        file = default_storage.open(book.cover)
    except FileNotFoundError as error:
        raise Http404("The cover is not in the storage.") from error
    response = FileResponse(file, content_type=CONTENT_TYPE)
    response["Cache-Control"] = f"public, max-age={UPLOADED_COVER_MAX_AGE_SECONDS}, immutable"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
