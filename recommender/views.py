"""The page of a reader's own list, and the list alone for htmx."""

import re

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

from accounts.requests import ReaderRequest
from ratings.opinions import opinions_of
from ratings.settled import settled_books
from recommender.feedback.page import list_for
from recommender.list_options import Choices, read_options
from recommender.list_page import LENGTHS, chips, interleaved, own_address, sliders, wrong_fields
from recommender.models import Surface
from recommender.serving import recommendations_for

# What was settled since the page was opened; more lines than this would hide the list.
MAX_SETTLED = 50
FORM_ID = "list-options"


@require_safe
@never_cache
@login_required
def recommendations(request: ReaderRequest) -> HttpResponse:
    """Show the list; a field that is wrong is named beside it and has its default."""
    choices = Choices()
    asked = read_options(request.GET, choices)
    opinions = opinions_of(request.user)
    found = recommendations_for(
        request.user, asked.k, options=asked.options, with_predicted_stars=True, opinions=opinions
    )
    settled = settled_books(opinions, _settled_places(request.GET))
    surface = Surface.LIST if asked.options.like is None else Surface.LIKE
    params = own_address(asked)
    address = reverse("recommendations") + (f"?{params.urlencode()}" if params else "")
    context = {
        "asked": asked,
        "options": asked.options,
        "choices": choices,
        "wrong": wrong_fields(asked),
        "sliders": sliders(asked.options),
        "lengths": sorted({*LENGTHS, asked.k}),
        "found": found,
        "list_id": list_for(request, surface, found.basis, found.run_id, found.book_ids, asked.k),
        "n_dismissed": len(opinions.dismissed),
        "rows": interleaved(found.items, settled),
        "chips": chips(asked, choices),
        "params": params,
        "address": address,
    }
    htmx = request.htmx
    if not htmx or htmx.history_restore_request:
        return render(request, "recommender/recommendations.html", context)
    response = render(request, "recommender/_list.html", context | {"is_part": True})
    return push_url(response, address) if htmx.trigger == FORM_ID else response


def _settled_places(params: QueryDict) -> dict[int, int]:
    """Read the lines of what was settled, `settled=BOOK-PLACE`, as the list before had them."""
    found = [
        re.fullmatch(r"([0-9]{1,18})-([0-9]{1,3})", text)
        for text in params.getlist("settled")[:MAX_SETTLED]
    ]
    return {int(pair[1]): int(pair[2]) for pair in found if pair}
