"""Every address of the API: who may pass, and what somebody else gets at Alice's things."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.urls import URLPattern, URLResolver, reverse

from bookrec_site import api_urls


class For(Enum):
    ANYBODY = "anybody"
    READERS = "readers"
    # With a token that may write, or a session.
    WRITERS = "writers"
    OPERATORS = "operators"


@dataclass(frozen=True)
class Door:
    """`charlie`: method -> what Charlie, who has no access to Alice's, is answered there.

    Where it is a success it is of his own things; none of hers are in it, and none change.
    """

    name: str
    who: For
    charlie: dict[str, int]
    # Which of Alice's things the address names.
    keys: tuple[str, ...] = ()
    # False: a token is not even read, so that its scope does not matter.
    reads_tokens: bool = True

    def address(self, world: dict[str, Any]) -> str:
        return reverse(self.name, kwargs={key: world[key] for key in self.keys})


A, R, W, O = For.ANYBODY, For.READERS, For.WRITERS, For.OPERATORS  # noqa: E741
GET = {"GET": 200}
_BOOK, _IMPORT, _ROW = ("book_id",), ("import_id",), ("import_id", "line")
_NOT_HIS = {"GET": 404, "PUT": 200, "DELETE": 204}

DOORS = (
    # The description, and the catalogue.
    Door("api_schema", A, GET, reads_tokens=False),
    Door("api_swagger", A, GET, reads_tokens=False),
    Door("api_redoc", A, GET, reads_tokens=False),
    Door("api_books", A, GET),
    Door("api_popular", A, GET),
    Door("api_new", A, GET),
    Door("api_trending", A, GET),
    Door("api_book", A, GET, _BOOK),
    Door("api_similar", A, GET, _BOOK),
    # Without a title there is nothing to answer.
    Door("api_recommend", A, {"GET": 400}),
    Door("api_authors", A, GET),
    Door("api_author", A, GET, ("author_id",)),
    Door("api_series", A, GET),
    Door("api_one_series", A, {"GET": 404}, ("series_id",)),
    Door("api_genres", A, GET),
    Door("api_editorial_lists", A, GET),
    Door("api_editorial_list", A, GET, ("list_id",)),
    Door("api_tags", A, GET),
    Door("api_readers_like_me", R, GET),
    # The body is of no new reader, and Charlie's password is another.
    Door("api_signup", A, {"POST": 400}, reads_tokens=False),
    Door("api_token", A, {"POST": 400}, reads_tokens=False),
    Door("api_tokens", W, {"GET": 200, "POST": 201}),
    Door("api_own_token", W, {"DELETE": 404}, ("token_id",)),
    Door("api_account", R, {"GET": 200, "PATCH": 200}),
    Door("api_password", W, {"POST": 400}),
    Door("api_address", W, {"GET": 200, "POST": 400, "DELETE": 404}),
    # A key is for whoever can read the mail.
    Door("api_address_confirmation", A, {"POST": 400}, reads_tokens=False),
    Door("api_deletion", W, {"POST": 400}),
    Door("api_rating", R, _NOT_HIS, _BOOK),
    Door("api_ratings", R, GET),
    Door("api_ratings_bulk", R, {"POST": 200}),
    Door("api_own_rating", R, _NOT_HIS, _BOOK),
    Door("api_shelves", R, GET),
    Door("api_shelf", R, {"GET": 404, "PATCH": 404, "DELETE": 404}, ("shelf",)),
    Door("api_shelf_entry", R, _NOT_HIS, ("shelf", "book_id")),
    Door("api_readings", R, GET),
    Door("api_reading", R, _NOT_HIS, _BOOK),
    Door("api_dismissals", R, {"GET": 200, "POST": 201}),
    Door("api_dismissal", R, {"GET": 404, "DELETE": 204}, _BOOK),
    Door("api_notes", R, GET),
    Door("api_note", R, _NOT_HIS, _BOOK),
    # An upload is no JSON.
    Door("api_imports", R, {"GET": 200, "POST": 415}),
    Door("api_import", R, {"GET": 404}, _IMPORT),
    Door("api_import_undo", R, {"POST": 404}, _IMPORT),
    Door("api_import_failures", R, {"GET": 404}, _IMPORT),
    Door("api_import_rows", R, {"GET": 404}, _IMPORT),
    Door("api_import_row", R, {"GET": 404}, _ROW),
    Door("api_choose_book", R, {"POST": 404}, _ROW),
    Door("api_skip_row", R, {"POST": 404}, _ROW),
    Door("api_reopen_row", R, {"POST": 404}, _ROW),
    Door("api_export", R, GET),
    Door("api_export_everything", R, GET),
    Door("api_export_goodreads", R, GET),
    Door("api_recommendations", R, GET),
    Door("api_session_recommendations", A, {"POST": 200}, reads_tokens=False),
    Door("api_events", A, {"POST": 400}),
    Door("api_reports", R, {"POST": 201}),
    Door("api_predictions", R, {"GET": 400}),
    Door("api_runs", O, {"GET": 403, "POST": 403}),
    Door("api_rollback", O, {"POST": 403}),
    Door("api_run", O, {"GET": 403}, ("run_id",)),
    Door("api_cancel_run", O, {"POST": 403}, ("run_id",)),
    Door("api_activate_run", O, {"POST": 403}, ("run_id",)),
)


def methods_of_addresses() -> dict[str, set[str]]:
    """Return the methods of every address of the API by its name, or its route without one."""

    def walk(patterns: list[Any], route: str) -> Iterator[tuple[str, set[str]]]:
        for pattern in patterns:
            full = route + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, full)
            elif isinstance(pattern, URLPattern):
                view = getattr(pattern.callback, "view_class", None)
                methods = {name.upper() for name in _METHODS if hasattr(view, name)}
                yield pattern.name or full, methods

    return dict(walk(api_urls.urlpatterns, ""))


_METHODS = ("get", "post", "put", "patch", "delete")
