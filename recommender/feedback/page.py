"""Whether a request may say what was seen, and the ids of the lists that answer it."""

from collections.abc import Mapping, Sequence

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.request import Request

from accounts.models import User
from recommender.feedback.served import serve_list
from recommender.models import Surface


def wants_no_events(headers: Mapping[str, str]) -> bool:
    """Return whether a browser asks not to be tracked: `DNT: 1` or `Sec-GPC: 1`."""
    return "1" in (headers.get("DNT", "").strip(), headers.get("Sec-GPC", "").strip())


# Answers that caches may keep carry the id here: in the body it would make each of them another.
LIST_HEADER = "Bookrec-List"


def list_for(
    request: HttpRequest | Request,
    surface: Surface,
    basis: str,
    run_id: int | None,
    books: Sequence[int],
    k: int,
    *,
    is_public: bool = False,
) -> str:
    """Count a list that answers the request, for who asks; return its id.

    "" where no event is wanted of it: then the page carries nothing to send. A public one, which
    everybody is shown and caches may keep, is nobody's.
    """
    user: User | AnonymousUser = request.user
    reader = user if isinstance(user, User) and not is_public else None
    list_id = serve_list(
        surface=surface, basis=basis, run_id=run_id, k=k, books=books, reader=reader
    )
    return "" if wants_no_events(request.headers) else list_id
