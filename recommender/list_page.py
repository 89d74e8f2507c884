"""What the page of a list shows beside its books: its address, its chips, the lines between."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.translation import gettext as _

from catalog.templatetags.books import year
from ratings.marks import MarkedBook
from ratings.settled import SettledBook
from recommender.list_options import DEFAULT_LENGTH, NO_OPTIONS, Choices, ListOptions, ReadOptions
from recommender.serving import Recommendation

# What the page offers; the address understands every length up to the longest.
LENGTHS = (10, 20, 50)


@dataclass(frozen=True)
class Row:
    """A line of the list, by its place from 0: a recommendation, or what was settled."""

    place: int
    item: Recommendation | None = None
    settled: SettledBook | None = None

    @property
    def mark(self) -> MarkedBook | None:
        """The book as its forms show it: of a recommended book nothing has been said yet."""
        return MarkedBook(self.item.book) if self.item else None


@dataclass(frozen=True)
class Chip:
    """Something that the list was asked, with the address of the list without it."""

    text: str
    address: str


@dataclass(frozen=True)
class Slider:
    """A slider of the form, with what its two ends are called."""

    name: str
    label: str
    low: str
    high: str
    amount: float

    @property
    def value(self) -> str:
        """As HTML writes numbers, in every language."""
        return f"{self.amount:g}"

    @property
    def percent(self) -> int:
        return round(100 * self.amount)


def sliders(options: ListOptions) -> list[Slider]:
    """Return the two sliders as they stand."""
    return [
        Slider("diversity", _("Variety"), _("Relevant"), _("Varied"), options.diversity),
        Slider("novelty", _("Discovery"), _("Popular"), _("Hidden gems"), options.novelty),
    ]


def wrong_fields(asked: ReadOptions) -> list[tuple[str, str]]:
    """Return (what the form calls a field, what is wrong with it)."""
    labels = {
        "k": _("Length of the list"),
        "genre": _("Genre"),
        "language": _("Language"),
        "year_from": _("First published"),
        "year_to": _("First published"),
        "diversity": _("Variety"),
        "novelty": _("Discovery"),
        "like": _("More like this"),
    }
    return [(labels[name], text) for name, texts in asked.errors.items() for text in texts]


def own_address(asked: ReadOptions) -> QueryDict:
    """Return the parameters that ask for this list again, and nothing else."""
    params = QueryDict(mutable=True)
    options = asked.options
    for name in ("like", "genre", "language", "year_from", "year_to", "diversity", "novelty"):
        value = getattr(options, name)
        if value != getattr(NO_OPTIONS, name):
            params[name] = f"{value:g}" if isinstance(value, float) else str(value)
    if asked.k != DEFAULT_LENGTH:
        params["k"] = str(asked.k)
    return params


def chips(asked: ReadOptions, choices: Choices) -> list[Chip]:
    """Return what restricts the list, each to be taken away."""
    options = asked.options
    found: list[Chip] = []

    def add(text: str, *names: str) -> None:
        params = own_address(asked)
        for name in names:
            params.pop(name, None)
        found.append(Chip(text, f"?{params.urlencode()}"))

    if asked.like is not None:
        add(_("More like %(title)s") % {"title": asked.like.title}, "like")
    if options.genre:
        add(choices.genres[options.genre], "genre")
    if options.language:
        add(choices.languages[options.language], "language")
    if options.year_from is not None or options.year_to is not None:
        add(_years(options.year_from, options.year_to), "year_from", "year_to")
    return found


def _years(first: int | None, last: int | None) -> str:
    if first is None:
        return _("until %(year)s") % {"year": year(last)}
    if last is None:
        return _("from %(year)s") % {"year": year(first)}
    return f"{year(first)}–{year(last)}"


def interleaved(items: Sequence[Recommendation], settled: Sequence[SettledBook]) -> list[Row]:
    """Put what was settled where its books stood, among the books that have moved up."""
    # A line of a book that came back into the list meanwhile has no place.
    shown = {item.book.pk for item in items}
    lines: list[Recommendation | SettledBook] = list(items)
    for line in settled:
        if line.book.pk not in shown:
            lines.insert(line.place, line)
    return [
        Row(place, settled=line) if isinstance(line, SettledBook) else Row(place, item=line)
        for place, line in enumerate(lines)
    ]
