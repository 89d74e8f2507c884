"""Pages of the catalogue alone; those that show opinions too are composed in `bookrec_site`."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from catalog.models import Book
from catalog.placeholders import draw_cover
from catalog.selectors import load_cards, visible_books

DRAWN_COVER_MAX_AGE_SECONDS = 24 * 3600


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
