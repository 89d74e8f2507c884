"""What a curator sees of a book that is more than the catalogue knows."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from catalog.models import Book, Boost
from catalog.selectors import for_comparison
from ratings.book_stars import stars_by_month
from ratings.selectors import site_histogram
from recommender.book_neighbours import neighbours_of


@require_safe
def book_insight(request: HttpRequest, book_id: int) -> HttpResponse:
    """Show a book's stars over time, who loves it too, and why it is moved in lists."""
    if not request.user.has_perm("catalog.view_book"):
        raise PermissionDenied
    book = for_comparison(Book.objects.all()).filter(pk=book_id).first()
    if book is None:
        raise Http404("There is no such book.")
    months = stars_by_month(book)
    return TemplateResponse(
        request,
        "admin/catalog/book/insight.html",
        {
            **admin.site.each_context(request),
            "opts": Book._meta,
            "title": book.title,
            "book": book,
            "histogram": list(enumerate(site_histogram(book), start=1)),
            "months": months,
            "rated": [row for row in months if row.n_ratings],
            "around": neighbours_of(book, None, 12),
            "boosts": Boost.objects.filter(book=book).select_related("created_by")[:10],
        },
    )
