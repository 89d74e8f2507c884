"""The map of the books: the page, its files, and what belongs to one book or reader."""

import gzip

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.requests import ReaderRequest
from catalog.models import Book
from catalog.selectors import genres_by_name, load_cards, visible_books, with_genres
from ratings.opinions import opinions_of
from recommender.book_map import LAYOUTS, PlacedBooks, placed_books

# As many as a reader tells apart; see --genre-0 and on in map.css.
N_COLOURS = 8
_N_NEAREST = 8
_A_YEAR = 365 * 24 * 3600
_TYPES = {"titles": "application/json"}


@require_safe
def book_map(request: HttpRequest) -> HttpResponse:
    """Show the map, or say why there is none yet. What it draws comes in files of its own."""
    placed = placed_books()
    if placed is None or not len(placed):
        return render(request, "map/no_map.html", {"genres": genres_by_name()})
    genres = [
        {"genre": genre, "n_books": n, "number": number, "colour": min(number, N_COLOURS)}
        for number, (genre, n) in enumerate(placed.genres)
    ]
    return render(
        request, "map/map.html", {"token": placed.token, "n_books": len(placed), "genres": genres}
    )


@require_safe
def map_file(request: HttpRequest, token: str, name: str) -> HttpResponse:
    """Answer one of the map's files; its address names its state, so it may be kept for ever.

    The address of a state that has passed, before a book was hidden or a run replaced, is gone.
    """
    placed = placed_books()
    if placed is None or placed.token != token or name not in placed.files:
        raise Http404("The map has been drawn anew; load its page again.")
    etag = f'"{token}-{name}"'
    response: HttpResponse
    if etag in request.headers.get("If-None-Match", ""):
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(content_type=_TYPES.get(name, "application/octet-stream"))
        response.content = _fitting(request, response, placed, name)
    response["ETag"] = etag
    response["Cache-Control"] = f"public, max-age={_A_YEAR}, immutable"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def _fitting(request: HttpRequest, response: HttpResponse, placed: PlacedBooks, name: str) -> bytes:
    """Return the file as the client can read it: there is no secret in it to guess by its size."""
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response["Content-Encoding"] = "gzip"
        return placed.files[name]
    return gzip.decompress(placed.files[name])


@require_safe
def map_book(request: HttpRequest, book_id: int) -> HttpResponse:
    """Answer the card of a book on the map, with the books that stand nearest (`on`: tsne, pca)."""
    book: Book = get_object_or_404(with_genres(visible_books()), pk=book_id)
    on = request.GET.get("on", "")
    layout = next((layout for layout in LAYOUTS if layout == on), LAYOUTS[0])
    placed = placed_books()
    keys = placed.nearest(book.pk, layout, _N_NEAREST) if placed else []
    found = visible_books().in_bulk(keys)
    nearest = [found[key] for key in keys if key in found]
    load_cards([book, *nearest], with_series=False)
    return render(request, "map/_book.html", {"book": book, "nearest": nearest})


@require_safe
@never_cache
@login_required
def my_marks(request: ReaderRequest) -> JsonResponse:
    """Answer which books the reader has read or wants to read: their own, nobody else's."""
    opinions = opinions_of(request.user)
    return JsonResponse({"read": sorted(opinions.read), "to_read": sorted(opinions.to_read)})
