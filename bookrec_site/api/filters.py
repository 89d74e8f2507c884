"""Which books a program asks for."""

import re
from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError as WrongParameter

from catalog.filters import LANGUAGE, SLUG
from catalog.models import Book

_MAX_ID = 2**63 - 1
_MAX_COUNT = 2**31 - 1
_MIN_YEAR, _MAX_YEAR = -9999, 9999


def _only(pattern: str) -> RegexValidator:
    # "$" alone would let a line's end through.
    return RegexValidator(pattern.removesuffix("$") + r"\Z")


class _WholeNumberField(forms.IntegerField):
    def to_python(self, value: Any) -> int | None:
        # Django's also reads " 7 ", "7.0" and digits of other scripts.
        if value not in self.empty_values and not re.fullmatch(r"-?[0-9]{1,20}", str(value)):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class _WholeNumber(django_filters.NumberFilter):
    field_class = _WholeNumberField


def _id(field: str) -> _WholeNumber:
    return _WholeNumber(field_name=field, min_value=1, max_value=_MAX_ID)


def _year(lookup: str) -> _WholeNumber:
    return _WholeNumber(
        field_name="publication_year", lookup_expr=lookup, min_value=_MIN_YEAR, max_value=_MAX_YEAR
    )


class BookFilters(django_filters.FilterSet):
    """What does not exist has no books; what cannot exist is an error."""

    genre = django_filters.CharFilter(
        field_name="book_genres__genre__slug", strip=False, validators=[_only(SLUG)]
    )
    author = _id("authorships__author")
    series = _id("volumes__series")
    language = django_filters.CharFilter(strip=False, validators=[_only(LANGUAGE)])
    year_from = _year("gte")
    year_to = _year("lte")
    min_ratings = _WholeNumber(
        field_name="ratings_count", lookup_expr="gte", min_value=0, max_value=_MAX_COUNT
    )

    class Meta:
        model = Book
        fields: tuple[str, ...] = ()


GENRE_PARAMETER = OpenApiParameter(
    "genre", {"type": "string", "pattern": SLUG}, description="Its slug."
)
FILTER_PARAMETERS = [
    GENRE_PARAMETER,
    OpenApiParameter(
        "author", {"type": "integer", "minimum": 1, "maximum": _MAX_ID}, description="Its id."
    ),
    OpenApiParameter(
        "series", {"type": "integer", "minimum": 1, "maximum": _MAX_ID}, description="Its id."
    ),
    OpenApiParameter(
        "language", {"type": "string", "pattern": LANGUAGE}, description="Its code, such as eng."
    ),
    OpenApiParameter(
        "year_from",
        {"type": "integer", "minimum": _MIN_YEAR, "maximum": _MAX_YEAR},
        description="Published in this year or later.",
    ),
    OpenApiParameter(
        "year_to",
        {"type": "integer", "minimum": _MIN_YEAR, "maximum": _MAX_YEAR},
        description="Published in this year or before.",
    ),
    OpenApiParameter(
        "min_ratings",
        {"type": "integer", "minimum": 0, "maximum": _MAX_COUNT},
        description="Rated by so many of Goodreads' readers at least.",
    ),
]


def read_genre(params: Mapping[str, str]) -> str:
    """Return the slug that is asked for; one that no genre has is as good as any."""
    genre = params.get("genre", "")
    if genre and not re.fullmatch(SLUG, genre):
        raise WrongParameter({"genre": ["This is no slug of a genre."]})
    return genre
