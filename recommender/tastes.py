"""Books that tell tastes apart: what to ask somebody of whom nothing is known."""

from collections.abc import Sequence

from catalog.models import Book
from catalog.selectors import load_cards, visible_books
from recommender.active import holder
from recommender.popular import most_read

# Some of a pool may have been hidden or deleted since the fit.
_SPARE = 8


def telling_books(k: int, *, asked: Sequence[int] = ()) -> list[Book]:
    """Return books that many know and each another kind of reader likes.

    After those asked about before (book ids) come others, unlike them; fewer than k, or none,
    when there is nothing left that is widely known. Without an active run the most read ones.
    """
    model = holder.current()
    if model is None:
        return most_read(set(asked), k)
    items = model.catalog.items
    found = model.probes.ask(k + _SPARE, asked=items.known_indices(list(asked)))
    ids: list[int] = items.ids[found].tolist()
    shown = {book.pk: book for book in visible_books().filter(pk__in=ids)}
    books = [shown[book] for book in ids if book in shown][:k]
    load_cards(books, with_series=False)
    return books
