"""Books by their ids, inside TensorFlow: which ids a SavedModel knows, and what each stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recommender.engine.errors import FitError, InputError
from recommender.engine.interactions import MAX_STARS, MIN_STARS
from recommender.engine.vocabulary import Vocabulary


def load_tensorflow() -> Any:
    """Import TensorFlow.

    Raises
    ------
    FitError
        When it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what fails raises
    try:
        import tensorflow
    except ImportError as error:
        raise FitError(
            f"a SavedModel is written by TensorFlow, which cannot be imported: {error}; install "
            "requirements.txt on the machine that exports."
        ) from error
    return tensorflow


@dataclass(frozen=True, eq=False)
class BookIds:
    """By which ids books may be named.

    Parameters
    ----------
    items : Vocabulary. The books that were fitted, in the order of the predictor's items.
    known_as : mapping of int to int. Ids of further books to that of the fitted one whose ratings
        they have taken over: a rating of theirs counts as one of it.
    means : mapping of int to float. Stars, 1..5, of books that were not fitted, the same for every
        reader.

    Raises
    ------
    InputError
        When ``known_as`` leads to a book that was not fitted, or starts from one; when ``means``
        has one that was, or stars outside 1..5.
    """

    items: Vocabulary
    known_as: Mapping[int, int] = field(default_factory=dict)
    means: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse ids that mean two things."""
        fitted = set(self.items.ids.tolist())
        if not fitted.issuperset(self.known_as.values()):
            raise InputError("known_as leads to a book that was not fitted.")
        if twice := sorted(fitted & (self.known_as.keys() | self.means.keys())):
            raise InputError(f"book {twice[0]} was fitted; it is known as itself.")
        if not all(MIN_STARS <= stars <= MAX_STARS for stars in self.means.values()):
            raise InputError("a mean is not in 1..5.")


class IdTable:
    """Numbers by id; unknown ids have none. Holds TensorFlow's variables."""

    def __init__(self, tf: Any, rows: Mapping[int, int]) -> None:
        ids = np.array(sorted(rows), dtype=np.int64)
        self._tf = tf
        self.ids = tf.Variable(ids, trainable=False)
        self.values = tf.Variable(
            np.array([rows[key] for key in ids.tolist()], dtype=np.int64), trainable=False
        )

    def look_up(self, wanted: Any) -> Any:
        """Return the number of each id, -1 where there is none; int64, the shape of the ids."""
        tf = self._tf
        flat = tf.reshape(wanted, [-1])
        places = tf.minimum(tf.searchsorted(self.ids, flat), tf.size(self.ids) - 1)
        found = tf.where(
            tf.gather(self.ids, places) == flat,
            tf.gather(self.values, places),
            tf.constant(-1, tf.int64),
        )
        return tf.reshape(found, tf.shape(wanted))
