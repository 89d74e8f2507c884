"""The page of one book."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from catalog.models import Book, Tag
from catalog.selectors import for_comparison, series_of, visible_books
from catalog.telling_tags import telling_tags
from ratings.guest import guest_opinions
from ratings.marks import MarkedBook
from ratings.opinions import Opinions, opinions_of
from ratings.own import OwnOpinion, own_opinion
from ratings.selectors import site_histogram
from ratings.series_marks import marked_volumes
from recommender.book_neighbours import N_SHOWN, neighbours_of
from recommender.feedback.page import list_for
from recommender.models import ListBasis, Surface


@require_safe
def book(request: HttpRequest, book_id: int) -> HttpResponse:
    # All that is known of the book, of its neighbours, and what the reader said of each: the
    # queries are counted in the tests.
    shown: Book = get_object_or_404(for_comparison(visible_books(), with_texts=True), pk=book_id)
    reader = request.user if isinstance(request.user, User) else None
    opinions = opinions_of(reader) if reader else guest_opinions(request.session)
    # A guest who rated nothing has no use for an estimate that is everybody's.
    wants_predictions = reader.wants_recommendations if reader else bool(opinions.stars)
    goodreads = [shown.stars_1, shown.stars_2, shown.stars_3, shown.stars_4, shown.stars_5]
    around = neighbours_of(shown, opinions if wants_predictions else None)

    def list_id(surface: Surface, books: list[Book]) -> str:
        # Made from the book alone, it is there too for who wants no recommendations, uncounted.
        if reader and not reader.wants_recommendations:
            return ""
        ids = [neighbour.pk for neighbour in books]
        return list_for(request, surface, ListBasis.BOOK, around.run_id, ids, N_SHOWN)

    return render(
        request,
        "books/book.html",
        {
            "mine": (
                own_opinion(reader, shown)
                if reader
                else OwnOpinion(shown, stars=opinions.stars.get(shown.pk))
            ),
            "today": timezone.localdate(),
            "book": shown,
            "tags": [Tag(name=name) for name in _tags(shown)],
            "series": [
                (entry, marked_volumes(entry.volumes, opinions)) for entry in series_of(shown)
            ],
            "goodreads_histogram": goodreads,
            # Of the whole work, as the histogram; `ratings_count` is of one edition.
            "n_goodreads": sum(goodreads),
            "site_histogram": site_histogram(shown),
            "predicted": around.predicted if wants_predictions else None,
            "similar_list": list_id(Surface.SIMILAR, [row.book for row in around.similar]),
            "also_loved_list": list_id(Surface.ALSO_LOVED, [row.book for row in around.also_loved]),
            "similar": [(row, _marked(row.book, opinions)) for row in around.similar],
            "also_loved": [(row, _marked(row.book, opinions)) for row in around.also_loved],
            "has_model": around.has_model,
        },
    )


def _tags(book: Book) -> list[str]:
    """Return the tags that say what the rest of the page does not."""
    known = [
        *(genre["name"] for genre in book.genre_list),  # type: ignore[attr-defined]
        *(authorship.author.name for authorship in book.authorships.all()),
        book.title,
        *book.series_names,  # type: ignore[attr-defined]
    ]
    return telling_tags(book.tag_names, known)  # type: ignore[attr-defined]


def _marked(book: Book, opinions: Opinions) -> MarkedBook:
    return MarkedBook(book, opinions.stars.get(book.pk), book.pk in opinions.to_read)
