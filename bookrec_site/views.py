"""Pages that show books beside opinions and lists: composed here, where every app is known."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from catalog.selectors import load_cards
from ratings.marks import marked
from ratings.selectors import ratings_for_user
from recommender.serving import popular_books, recommendations_for

BOOKS_PER_PAGE = 24
# From here on a list says more about the reader than about everybody.
RATINGS_FOR_A_GOOD_LIST = 5


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What the site does, for guests; books to rate, for newcomers; ten to read, for readers."""
    if not isinstance(request.user, User):
        books = popular_books(k=16)
        load_cards(books, with_series=False)
        return render(request, "home_guest.html", {"books": marked(request.user, books)})
    n_ratings = ratings_for_user(request.user).count()
    if n_ratings < RATINGS_FOR_A_GOOD_LIST:
        books = popular_books(k=BOOKS_PER_PAGE)
        load_cards(books, with_series=False)
        context = {
            "books": marked(request.user, books),
            "n_ratings": n_ratings,
            "n_missing": RATINGS_FOR_A_GOOD_LIST - n_ratings,
            "steps": [step < n_ratings for step in range(RATINGS_FOR_A_GOOD_LIST)],
        }
        return render(request, "home_newcomer.html", context)
    found = recommendations_for(request.user, k=10)
    books = [item.book for item in found.items]
    load_cards(books)
    return render(
        request,
        "home_reader.html",
        {
            "rows": list(zip(found.items, marked(request.user, books), strict=True)),
            "n_ratings": n_ratings,
        },
    )
