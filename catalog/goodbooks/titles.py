"""Series out of titles: Goodreads appends "(Discworld, #4; Death, #1)" to a title."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from catalog.text import normalize

# "1", "0.5", "1-3", "1–3", "0.1 - 0.4", "1-4 + 3.5", "1/2", "0.4, 0.5, 2.5"; but of "4, 39 Clues"
# only the 4.
_NUMBERS = re.compile(
    r"\s*(?P<numbers>\d+(?:\.\d+)?(?:\s*[-–—/+,&]\s*\d+(?:\.\d+)?(?![\w.]|\s+[^\W\d]))*)"
)
# "#3: Part 2 of 2", "#5, Part 1", "#3; Part 2"
_PART = re.compile(r"\s*[:;,]?\s*(?P<part>Part \d+(?: of \d+)?)", re.IGNORECASE)
_SINGLE = re.compile(r"\d{1,5}(?:\.\d{1,2})?")
_SPACES = re.compile(r"\s+")
_LABEL_LENGTH = 40
_NAME_LENGTH = 250


@dataclass(frozen=True)
class SeriesPlace:
    """A book's place in a series, as its title says."""

    series: str
    # As printed, without the "#": "1", "0.5", "1-3", "3, Part 2 of 2"; "" for none.
    label: str

    @property
    def number(self) -> Decimal | None:
        """The number, when the label is a single one."""
        return Decimal(self.label) if _SINGLE.fullmatch(self.label) else None


@dataclass(frozen=True)
class ParsedTitle:
    title: str
    places: tuple[SeriesPlace, ...] = ()
    # What stands in the last parentheses when it has no number: perhaps a series, perhaps not.
    unnumbered: str = ""


def collapse_spaces(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def parse_title(text: str) -> ParsedTitle:
    """Part a title from the series named in its last parentheses.

    A title whose parentheses name no numbered series is returned whole.
    """
    text = collapse_spaces(text)
    split = _last_parentheses(text)
    if split is None:
        return ParsedTitle(text)
    title, inner = split
    if "#" not in inner:
        return ParsedTitle(text, unnumbered=inner)
    places = _parse_places(inner)
    return ParsedTitle(title, places) if places else ParsedTitle(text)


def resolve_series(titles: Iterable[ParsedTitle]) -> list[ParsedTitle]:
    """Give every series one spelling, and find the books that a series names without a number.

    "(Diary of a Wimpy Kid)" is a series because other titles number it; "(Graphic Novel)" is not.
    Spellings that differ in case, accents or punctuation are one series, which is called by the
    most frequent spelling (the first of equally frequent ones). A leading "The" makes a difference:
    "Immortals" and "The Immortals" are two series.
    """
    titles = list(titles)
    spellings: dict[str, Counter[str]] = {}
    for parsed in titles:
        for place in parsed.places:
            spellings.setdefault(_key(place.series), Counter())[place.series] += 1
    names = {key: counter.most_common(1)[0][0] for key, counter in spellings.items()}
    return [_resolve(parsed, names) for parsed in titles]


def _resolve(parsed: ParsedTitle, names: dict[str, str]) -> ParsedTitle:
    if parsed.unnumbered:
        key = _key(parsed.unnumbered)
        name = names.get(key) or names.get(f"the {key}") or names.get(key.removeprefix("the "))
        split = _last_parentheses(parsed.title)
        if name is None or split is None:
            return ParsedTitle(parsed.title)
        return ParsedTitle(split[0], (SeriesPlace(name, ""),))
    places: dict[str, SeriesPlace] = {}
    for place in parsed.places:
        name = names[_key(place.series)]
        places.setdefault(name, SeriesPlace(name, place.label))
    return ParsedTitle(parsed.title, tuple(places.values()))


def _key(series: str) -> str:
    # A name of nothing but punctuation is its own key.
    return normalize(series) or series


def _last_parentheses(text: str) -> tuple[str, str] | None:
    """ "A (B (C) D)" -> ("A", "B (C) D"); None without such an end or without a title before."""
    if not text.endswith(")"):
        return None
    depth = 0
    for i in range(len(text) - 1, -1, -1):
        depth += (text[i] == ")") - (text[i] == "(")
        if depth == 0:
            title, inner = text[:i].strip(), text[i + 1 : -1].strip()
            return (title, inner) if title and inner else None
    return None


def _parse_places(inner: str) -> tuple[SeriesPlace, ...]:
    """Read "A, #1; B #2-3": each "#" ends the name before it and begins a label."""
    first, *rest = inner.split("#")
    places: list[SeriesPlace] = []
    pending = first
    for piece in rest:
        numbers = _NUMBERS.match(piece)
        if not numbers:
            return ()
        label = re.sub(r"\s*[-–—]\s*", "-", numbers["numbers"])
        end = numbers.end()
        part = _PART.match(piece, end)
        if part:
            label, end = f"{label}, {part['part']}", part.end()
        *unnumbered, name = (_clean_name(name) for name in pending.split(";"))
        places += [SeriesPlace(other, "") for other in unnumbered if other]
        if name:
            places.append(SeriesPlace(name, label))
        elif places:
            # "#4.1, #4.3": a further number of the series before.
            places[-1] = SeriesPlace(places[-1].series, f"{places[-1].label}, {label}")
        else:
            return ()
        pending = piece[end:]
    if pending.strip() and not pending.lstrip().startswith((";", ",")):
        return ()
    places += [
        SeriesPlace(name, "") for other in pending.split(";") if (name := _clean_name(other))
    ]
    if any(len(p.series) > _NAME_LENGTH or len(p.label) > _LABEL_LENGTH for p in places):
        return ()
    return tuple(places)


def _clean_name(text: str) -> str:
    name = text.strip(" ,:;").removeprefix("Includes:").strip()
    # "Bone Secrets." but not "Marvel Inc." or "S.H.I.E.L.D."
    return re.sub(r"(?<=\w{4})\.$", "", name)
