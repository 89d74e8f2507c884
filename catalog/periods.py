"""Years of publication in periods to browse by: decades, and longer ones before 1900."""

import re
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Case, CharField, F, Func, Q, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

FIRST_DECADE, LAST_DECADE = 1900, 2090


@dataclass(frozen=True)
class Period:
    """Years from `first` to `last`, both within; None: open. Negative years are BCE."""

    key: str
    first: int | None
    last: int | None

    @property
    def name(self) -> str:
        if self.key in _LONG_NAMES:
            return str(_LONG_NAMES[self.key])
        return _("%(decade)ds") % {"decade": self.first}

    @cached_property
    def condition(self) -> Q:
        """The books of this period; one whose year is unknown is in none."""
        condition = Q()
        if self.first is not None:
            condition &= Q(publication_year__gte=self.first)
        if self.last is not None:
            condition &= Q(publication_year__lte=self.last)
        return condition


_LONG_NAMES = {
    "1800-1899": gettext_lazy("19th century"),
    "1500-1799": gettext_lazy("1500 to 1799"),
    "500-1499": gettext_lazy("Middle Ages"),
    "before-500": gettext_lazy("Antiquity"),
}
# The latest first.
LONG_PERIODS = (
    Period("1800-1899", 1800, 1899),
    Period("1500-1799", 1500, 1799),
    Period("500-1499", 500, 1499),
    Period("before-500", None, 499),
)


def period_by_key(key: str) -> Period | None:
    """Return the period of a key ("1990", "1800-1899", "before-500"), or None."""
    if re.fullmatch(r"[0-9]{4}", key):
        first = int(key)
        is_decade = first % 10 == 0 and FIRST_DECADE <= first <= LAST_DECADE
        return Period(key, first, first + 9) if is_decade else None
    return next((period for period in LONG_PERIODS if period.key == key), None)


def period_key() -> Case:
    """Return the key of a book's period, in the database; null for a year that is unknown."""
    decade = F("publication_year") - Func(F("publication_year"), Value(10), function="MOD")
    return Case(
        *(When(period.condition, then=Value(period.key)) for period in LONG_PERIODS),
        When(
            publication_year__range=(FIRST_DECADE, LAST_DECADE + 9),
            then=Func(decade, function="", template="(%(expressions)s)::text"),
        ),
        default=None,
        output_field=CharField(),
    )
