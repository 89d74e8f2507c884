"""The page of a reader's own list."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.requests import ReaderRequest
from catalog.selectors import load_cards
from ratings.marks import marked
from recommender.serving import recommendations_for


@require_safe
@never_cache
@login_required
def recommendations(request: ReaderRequest) -> HttpResponse:
    found = recommendations_for(request.user, k=10, with_predicted_stars=True)
    books = [item.book for item in found.items]
    load_cards(books)
    rows = list(zip(found.items, marked(request.user, books), strict=True))
    return render(request, "recommender/recommendations.html", {"found": found, "rows": rows})
