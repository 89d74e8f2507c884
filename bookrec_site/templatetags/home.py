"""What the home page looks up."""

from collections.abc import Mapping

from django import template

from catalog.models import Book
from recommender.predictions import PredictedStars

register = template.Library()


@register.simple_tag
def predicted_for(predicted: Mapping[int, PredictedStars], book: Book) -> PredictedStars | None:
    """Return the stars predicted for the book, None where there are none."""
    return predicted.get(book.pk)
