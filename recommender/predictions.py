"""How many stars a reader would give a book."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import Book
from recommender.active import ActiveModel
from recommender.engine import Profile
from recommender.remembered import remembered_stars


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
    means = {
        book.pk: PredictedStars(float(book.average_rating), is_personal=False)
        for book in books
        if book.average_rating is not None
    }
    return means | _by_the_model(model, profile, [book.pk for book in books])


def predict_by_id(
    model: ActiveModel | None, profile: Profile | None, books: Sequence[int]
) -> dict[int, PredictedStars]:
    """Return the same for books by their ids; a query when the model does not know them all."""
    predicted = _by_the_model(model, profile, books)
    if others := [book for book in books if book not in predicted]:
        means = Book.objects.filter(pk__in=others).values_list("pk", "average_rating")
        for book, stars in means:
            if stars is not None:
                predicted[book] = PredictedStars(float(stars), is_personal=False)
    return predicted


def _by_the_model(
    model: ActiveModel | None, profile: Profile | None, books: Sequence[int]
) -> dict[int, PredictedStars]:
    if model is None or model.stars is None or profile is None:
        return {}
    items = model.catalog.items.known_indices(list(books))
    stars = remembered_stars(model, profile, items, model.stars.predict_items)
    is_personal = len(profile.item_indices) > 0
    ids = model.catalog.items.ids[items].tolist()
    return {
        book: PredictedStars(value, is_personal) for book, value in zip(ids, stars, strict=True)
    }
