"""What a query with typing errors may have meant.

Each word of the query is compared with the vocabulary by optimal string alignment: dropping,
adding, changing a letter or swapping two neighbours counts one (Damerau 1964). Beside that the
whole query is compared with whole names, without spaces. Both: docs/algorithms/search.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from catalog.search.index import Index
from catalog.search.words import MAX_WORDS

Weights = NDArray[np.float32]

# What a word counts that is the same, begins the same, or is beside the others at will.
_SAME = 1.0
_BEGINS = 0.96
# Two errors and another first letter as well: a word that has little to do with it.
_OTHER_FIRST_LETTER = 0.08
# Of whole names, in percent; below it they are only alike by chance.
_LEAST_RATIO = 72.0
_WHOLE_NAMES = 40
_CANDIDATES = 250
# How much of the query a name must answer, words by their length, when not all of it.
_LEAST_PART = 0.55
_PARTLY = 0.85
_LEAST_SCORE = 0.5
_SHORTEST_PREFIX = 4
# Likeness of words, likeness of the whole name, popularity.
_SHARES = (0.65, 0.2, 0.15)
# How like two names are that have nothing to do with each other.
_CHANCE = 0.5
# Of whole names: from here on they are the same but for an error.
_SURE_RATIO = 0.8


@dataclass(frozen=True, slots=True)
class Near:
    """An entry that was perhaps meant."""

    place: int
    # 0..1.
    score: float
    # Of its name to the query, 0..1.
    likeness: float
    # Whether every word of the query was found in it, misspelt or not.
    is_whole: bool


def nearest(index: Index, text: str, required: list[str]) -> list[Near]:
    """Return what a query that finds nothing may have meant, the likeliest first.

    Nothing when no name is like it: nonsense is not answered with other nonsense.
    """
    if not len(index) or not required:
        return []
    weights = np.zeros(len(index), dtype=np.float32)
    whole = np.zeros(len(index), dtype=bool)
    for words in _readings(index, required):
        part, complete = _by_words(index, words)
        weights = np.maximum(weights, np.where(complete, part, part * np.float32(_PARTLY)))
        whole |= complete
    names = dict(_by_name(index, text.replace(" ", "")))
    candidates = set(names)
    strongest = np.argsort(-weights, kind="stable")[:_CANDIDATES]
    candidates.update(place for place in strongest.tolist() if weights[place] >= _LEAST_PART)
    numbers = {word for word in required if word.isdecimal()}
    found = []
    for place in candidates:
        by_name = names.get(place, 0.0)
        likeness = max(by_name, _likeness(text, index.names[place]))
        parts = (
            max(float(weights[place]), by_name),
            max(0.0, (likeness - _CHANCE) / (1 - _CHANCE)),
            float(index.popularity[place]),
        )
        score = sum(share * part for share, part in zip(_SHARES, parts, strict=True))
        if score >= _LEAST_SCORE:
            is_whole = bool(whole[place]) or (
                by_name >= _SURE_RATIO and numbers.issubset(index.entries[place].words)
            )
            found.append(Near(place, score, likeness, is_whole))
    return sorted(found, key=lambda near: (-near.score, near.place))


def corrected(index: Index, text: str, required: list[str], near: Near) -> str:
    """Return the query as it is spelt in the entry that was perhaps meant."""
    name = index.names[near.place]
    words = index.entries[near.place].words
    spelt = {word: _nearest_word(word, words) for word in required}
    if all(spelt.values()):
        return " ".join(spelt.get(word) or word for word in text.split()[:MAX_WORDS])
    return name


def _nearest_word(word: str, words: Sequence[str]) -> str:
    """Return which of the words was probably meant, "" for none; the same if it begins one."""
    if any(other.startswith(word) for other in words):
        return word
    found = process.extractOne(word, words, scorer=OSA.distance, score_cutoff=allowed_errors(word))
    if found:
        return str(found[0])
    cut = [other[: len(word)] for other in words if len(other) > len(word)]
    found = process.extractOne(word, cut, scorer=OSA.distance, score_cutoff=allowed_errors(word))
    return str(found[0]) if found else ""


def _readings(index: Index, words: list[str]) -> Iterator[list[str]]:
    """Yield the words as typed, and with a space taken out or put in where that makes words."""
    yield words
    for place in range(len(words) - 1):
        joined = words[place] + words[place + 1]
        if index.with_word(joined).size:
            yield [*words[:place], joined, *words[place + 2 :]]
    for place, word in enumerate(words):
        if index.beginning_with(word).size:
            continue
        for cut in range(3, len(word) - 2):
            if index.with_word(word[:cut]).size and index.with_word(word[cut:]).size:
                yield [*words[:place], word[:cut], word[cut:], *words[place + 1 :]]


def _by_words(index: Index, words: list[str]) -> tuple[Weights, NDArray[np.bool_]]:
    """Return how well each entry answers the words, 0..1, and whether it answers all of them."""
    total = np.zeros(len(index), dtype=np.float32)
    complete = np.ones(len(index), dtype=bool)
    length = 0.0
    for place, word in enumerate(words):
        best = np.zeros(len(index), dtype=np.float32)
        for other, likeness in like(index, word):
            places = index.with_word(other)
            best[places] = np.maximum(best[places], likeness)
        if place == len(words) - 1:
            for beginning, likeness in _beginning_like(index, word):
                places = index.beginning_with(beginning)
                best[places] = np.maximum(best[places], likeness)
        begins = index.beginning_with(word)
        best[begins] = np.maximum(best[begins], _BEGINS)
        best[index.with_word(word)] = _SAME
        weight = min(len(word), 8)
        total += best * weight
        length += weight
        complete &= best > 0
    return total / np.float32(length), complete


def allowed_errors(word: str) -> int:
    """Return how many errors a word of that length may hold."""
    if len(word) < 3 or word.isdecimal():
        return 0
    return 1 if len(word) < 5 else 2 if len(word) < 10 else 3


def like(index: Index, word: str) -> Iterator[tuple[str, float]]:
    """Yield the words of the vocabulary that are like this one, with how much, 0..1."""
    errors = allowed_errors(word)
    if not errors:
        return
    for length in range(len(word) - errors, len(word) + errors + 1):
        for other, distance, _ in process.extract(
            word,
            index.by_length.get(length, []),
            scorer=OSA.distance,
            score_cutoff=errors,
            limit=None,
        ):
            likeness = 1.0 - distance / max(len(word), length)
            if other[0] != word[0]:
                if distance > 1 and len(word) < 8:
                    continue
                likeness -= _OTHER_FIRST_LETTER
            yield other, likeness


def _beginning_like(index: Index, word: str) -> Iterator[tuple[str, float]]:
    """Yield what begins a longer word and is like this one, which is perhaps still being typed."""
    if len(word) < _SHORTEST_PREFIX or not allowed_errors(word):
        return
    for beginning, distance, _ in process.extract(
        word,
        index.beginnings(word[0], len(word)),
        scorer=OSA.distance,
        score_cutoff=1 if len(word) < 8 else 2,
        limit=None,
    ):
        yield beginning, (1.0 - distance / len(word)) * _BEGINS


def _by_name(index: Index, compact: str) -> Iterator[tuple[int, float]]:
    """Yield entries of which a whole name is like the whole query, each with how much."""
    best: dict[int, float] = {}
    for name, ratio, _ in process.extract(
        compact,
        index.compact_names,
        scorer=fuzz.ratio,
        score_cutoff=_LEAST_RATIO,
        limit=_WHOLE_NAMES,
    ):
        for place, worth in index.compact[name]:
            best[place] = max(best.get(place, 0.0), worth * ratio / 100)
    yield from best.items()


def _likeness(text: str, name: str) -> float:
    """Return how like a query is to a name, or to as much of its beginning, 0..1."""
    whole = fuzz.ratio(text, name)
    beginning = fuzz.ratio(text, name[: len(text)]) * _BEGINS if len(name) > len(text) else 0.0
    return max(whole, beginning) / 100
