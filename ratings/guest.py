"""The stars of somebody without an account: kept in the session, taken along at log-in."""

from collections.abc import Mapping
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from accounts.models import User
from catalog.merged import survivors
from catalog.models import Book
from catalog.selectors import visible_books
from ratings.errors import InvalidStars, TooManyGuestRatings
from ratings.opinions import Opinions
from ratings.services import announce_list, rate_new_books

# {book id as text: stars}; JSON has no other keys.
SESSION_KEY = "guest_stars"
MAX_RATINGS = 200
# As many as there are in the largest key of a book, so that nothing else reaches the database.
_MAX_ID = 2**63 - 1


def stars_in_session(session: SessionBase) -> dict[int, int]:
    """Return the guest's stars by book id, without asking whether the books are still there."""
    kept: Any = session.get(SESSION_KEY)
    if not isinstance(kept, Mapping):
        return {}
    pairs = [(_as_id(book), stars) for book, stars in kept.items()]
    return {
        book: stars
        for book, stars in pairs[:MAX_RATINGS]
        if book and type(stars) is int and 1 <= stars <= 5
    }


def guest_stars(session: SessionBase) -> dict[int, int]:
    """Return the guest's stars by book id, as far as they still mean something.

    A session may be weeks old: books that were deleted or hidden since are left out, and so is
    whatever is no book id with 1..5 stars. Those of a book that was merged are the other's, if
    that has none. Costs one query, none for a guest without stars.
    """
    stars = stars_in_session(session)
    if not stars:
        return {}
    books = Book.objects.filter(pk__in=stars).values_list("pk", "is_hidden", "merged_into_id")
    into = {pk: other or pk for pk, is_hidden, other in books if other or not is_hidden}
    if any(pk != other for pk, other in into.items()):
        ends = survivors()
        shown = set(visible_books().filter(pk__in=ends.values()).values_list("pk", flat=True))
        into = {pk: ends.get(pk, pk) for pk in into if pk not in ends or ends[pk] in shown}
    found = {book: given for book, given in stars.items() if into.get(book) == book}
    for book, given in stars.items():
        if book in into:
            found.setdefault(into[book], given)
    return found


def guest_opinions(session: SessionBase) -> Opinions:
    """Return what a list is made from for a guest."""
    stars = guest_stars(session)
    return Opinions(stars=dict(sorted(stars.items())), read=frozenset(stars))


def rate_as_guest(session: SessionBase, *, book: Book, stars: int, list_id: str = "") -> None:
    """Keep a guest's stars for this visit; `list_id` as in `rate_book`.

    Raises
    ------
    InvalidStars
        When stars is no whole number from 1 to 5.
    TooManyGuestRatings
        When there is no room for another book.
    """
    if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= 5:
        raise InvalidStars(stars)
    kept = stars_in_session(session)
    if book.pk not in kept and len(kept) >= MAX_RATINGS:
        raise TooManyGuestRatings(MAX_RATINGS)
    _keep(session, kept | {book.pk: stars})
    if list_id:
        announce_list(user=None, book=book, stars=stars, list_id=list_id)


def remove_guest_rating(session: SessionBase, *, book: Book) -> bool:
    """Take the guest's stars for a book back; False when there were none."""
    kept = stars_in_session(session)
    if book.pk not in kept:
        return False
    del kept[book.pk]
    _keep(session, kept)
    return True


def forget_guest_stars(session: SessionBase) -> None:
    """Forget all of a guest's stars."""
    session.pop(SESSION_KEY, None)


def carry_over(session: SessionBase, user: User) -> int:
    """Move a guest's stars to their account; return how many books it gained.

    Books that the account has rated keep its stars. The session keeps nothing.
    """
    stars = guest_stars(session)
    n_added = rate_new_books(user=user, stars=stars) if stars else 0
    forget_guest_stars(session)
    return n_added


def _keep(session: SessionBase, stars: Mapping[int, int]) -> None:
    if stars:
        session[SESSION_KEY] = {str(book): given for book, given in stars.items()}
    else:
        forget_guest_stars(session)


def _as_id(key: Any) -> int:
    """Return a key of the session as the id of a book, 0 when it is none."""
    if not isinstance(key, str) or not (key.isascii() and key.isdigit()) or len(key) > 19:
        return 0
    number = int(key)
    return number if number <= _MAX_ID else 0
