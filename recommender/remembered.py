"""Arithmetic that was done before: places and predicted stars by all that they are made of.

Not a cache of readers' lists (docs/adr/0001): every request reads what the reader thinks now, what
curators decided and which run is active. Only what the same numbers gave the last time is not
worked out again. The key holds every input, so nothing can be stale and nothing is dropped but
the oldest; another run has other keys.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.active import ActiveModel
from recommender.engine import Profile
from recommender.places import Asked, Place, ranked_places

# About 1.2 kB each, for lists of ten with their stars.
MOST: Final = 10_000
# Longer ones are rare, and would take the place of many.
LONGEST: Final = 30

_COUNTS, _BOOKS, _NUMBERS = np.dtype("<i4"), np.dtype("<i8"), np.dtype("<f8")


class Memory:
    """The results of the last inputs, shared by the threads of this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def recall(self, key: bytes) -> bytes | None:
        """Return what is held for the key, now the youngest."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def keep(self, key: bytes, value: bytes) -> None:
        """Hold a value, and let the oldest go when there are too many."""
        with self._lock:
            self._held[key] = value
            self._held.move_to_end(key)
            if len(self._held) > self._most:
                self._held.popitem(last=False)

    def forget(self) -> None:
        """Let everything go."""
        with self._lock:
            self._held.clear()


memory = Memory(2 * MOST)


def remembered_places(asked: Asked, k: int) -> list[Place]:
    """Return `ranked_places`.

    Filtered lists, explained ones and those with books newer than the run are worked out each
    time: the first hold thousands of books, the last are made of more than is asked here.
    """
    if asked.matching is not None or asked.options.explain or asked.new.ids or k > LONGEST:
        return ranked_places(asked, k)
    key = _key("places", *_inputs(asked), k)
    if (held := memory.recall(key)) is not None:
        return _unpacked(held)
    places = ranked_places(asked, k)
    memory.keep(key, _packed(places))
    return places


def remembered_stars(
    model: ActiveModel,
    profile: Profile,
    items: NDArray[np.int64],
    predict: Callable[[Profile, NDArray[np.int64]], NDArray[np.floating]],
) -> list[float]:
    """Return the predicted stars of items, as `predict` gives them."""
    key = _key("stars", model.artifact, profile, items)
    held = memory.recall(key) if len(items) <= LONGEST else None
    if held is None:
        held = predict(profile, items).astype(_NUMBERS).tobytes()
        if len(items) <= LONGEST:
            memory.keep(key, held)
    stars: list[float] = np.frombuffer(held, _NUMBERS).tolist()
    return stars


def _inputs(asked: Asked) -> list[Any]:
    """Return everything that a request for a list is made of; the model by its artifact."""
    values = [getattr(asked, field.name) for field in fields(asked) if field.name != "model"]
    return [asked.model.artifact, *values]


def _key(*inputs: Any) -> bytes:
    arrays: list[NDArray[Any]] = []
    text = repr([_plain(value, arrays) for value in inputs]).encode()
    digest = blake2b(text, digest_size=16)
    # As they are: the text of their bytes would take longer than the list's books.
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _plain(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return a value in a form whose text is the same for equal values, and for no others.

    Of an array that is its kind and length; the array itself is put to the others.
    """
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return value.dtype.str, value.shape
    if isinstance(value, set | frozenset):
        return sorted(value)
    if is_dataclass(value):
        kind: Any = type(value)
        return [_plain(getattr(value, name), arrays) for name in _names(kind)]
    return value


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """Return the names of a dataclass's fields."""
    return tuple(field.name for field in fields(kind))


def _packed(places: Sequence[Place]) -> bytes:
    causes = [cause for place in places for cause in place.causes]
    parts = (
        np.array([len(places), *(len(place.causes) for place in places)], _COUNTS),
        np.array([place.book for place in places], _BOOKS),
        np.array([book for book, _share in causes], _BOOKS),
        np.array([place.score for place in places], _NUMBERS),
        np.array([share for _book, share in causes], _NUMBERS),
    )
    return b"".join(part.tobytes() for part in parts)


def _unpacked(held: bytes) -> list[Place]:
    n = int(np.frombuffer(held, _COUNTS, 1)[0])
    counts = np.frombuffer(held, _COUNTS, n, _COUNTS.itemsize).tolist()
    offset, n_causes = _COUNTS.itemsize * (n + 1), sum(counts)
    books = np.frombuffer(held, _BOOKS, n + n_causes, offset).tolist()
    offset += _BOOKS.itemsize * (n + n_causes)
    numbers = np.frombuffer(held, _NUMBERS, n + n_causes, offset).tolist()
    causes = iter(zip(books[n:], numbers[n:], strict=True))
    return [
        Place(book, score, [next(causes) for _ in range(count)])
        for book, score, count in zip(books[:n], numbers[:n], counts, strict=True)
    ]
