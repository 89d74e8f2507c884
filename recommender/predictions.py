"""How many stars a reader would give a book."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import Book
from recommender.active import ActiveModel
from recommender.engine import Profile


@dataclass(frozen=True)
class PredictedStars:
    # 1..5
    stars: float
    # False: the mean of all readers, the same for everybody.
    is_personal: bool


def predict(
    model: ActiveModel | None, profile: Profile | None, books: Sequence[Book]
) -> dict[int, PredictedStars]:
    """Return the predicted stars of those books of which anything is known.

    The stack's prediction for a reader with ratings; the readers' mean for one without; the mean
    that the catalogue gives where the active run predicts no stars, or does not know the book.
    """
    predicted = {
        book.pk: PredictedStars(float(book.average_rating), is_personal=False)
        for book in books
        if book.average_rating is not None
    }
    if model is None or model.stars is None or profile is None:
        return predicted
    items = model.catalog.items.known_indices([book.pk for book in books])
    stars = model.stars.predict_items(profile, items)
    is_personal = len(profile.item_indices) > 0
    ids = model.catalog.items.ids[items].tolist()
    for book_id, value in zip(ids, stars.tolist(), strict=True):
        predicted[book_id] = PredictedStars(value, is_personal)
    return predicted
