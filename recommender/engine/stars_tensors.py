"""The predicted stars of ``stars`` once more, as TensorFlow operations: what a SavedModel computes.

``StarsPredictor`` is numpy, so that a web process needs no TensorFlow. This is the same stack out
of the same arrays for programs that have no numpy of ours: one function from ids of books and
stars to stars, the fold-in included. Formulas: docs/algorithms/stars.md; the signature:
docs/serving.md.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.embeddings.user_solve import UserRidge
from recommender.engine.errors import InputError
from recommender.engine.id_tensors import BookIds, IdTable, load_tensorflow
from recommender.engine.interactions import MAX_STARS, MIN_STARS
from recommender.engine.stars import StarsPredictor
from recommender.engine.stars_features import SHELF_WEIGHT, USER_DAMPING, rated_figures
from recommender.engine.taste import PART_NAMES, TasteKernel
from recommender.engine.tree_tensors import TreeTensors

SIGNATURE: Final = "serving_default"
INPUTS: Final = {
    "books": "int64",
    "rated_books": "int64",
    "rated_stars": "float32",
    "shelved_books": "int64",
}
"""Names and dtypes of the inputs, each of shape (readers, any); the key order is the function's."""

READER, MEAN, UNKNOWN_BOOK = "reader", "mean", "unknown"
"""What stars are made from: the reader's ratings, everybody's, nothing that is known."""


class StarsTensors:
    """The stack of one fitted ``StarsPredictor``, its arrays held as variables.

    Equal to ``predict_items`` up to rounding: sums of float32 come in another order. Where a
    column lies within that rounding of a tree's threshold, the stars differ by what the tree
    makes of it, some hundredths at the most.

    Parameters
    ----------
    predictor : StarsPredictor, fitted or from an artifact.
    books : BookIds.

    Raises
    ------
    InputError
        When the books are not as many as the predictor's items.
    FitError
        When TensorFlow is not installed.
    """

    def __init__(self, predictor: StarsPredictor, books: BookIds) -> None:
        if len(books.items) != predictor.n_items:
            raise InputError(
                f"got {len(books.items)} books for a predictor of {predictor.n_items} items."
            )
        self._tf = tf = load_tensorflow()
        state = predictor.fitted()
        self._mean = predictor.global_mean
        self._kernel = kernel = state.kernel
        everything = np.arange(predictor.n_items)

        def kept(array: NDArray[Any]) -> Any:
            return tf.Variable(np.ascontiguousarray(array), trainable=False)

        fitted = {book: item for item, book in enumerate(books.items.ids.tolist())}
        others = sorted(books.means)
        places = {book: predictor.n_items + place for place, book in enumerate(others)}
        self._candidates = IdTable(tf, fitted | places)
        self._rated = IdTable(
            tf, fitted | {book: fitted[old] for book, old in books.known_as.items()}
        )
        self._common_means = kept(
            np.append(predictor.item_means, [books.means[book] for book in others]).astype(
                np.float32
            )
        )
        self._item_means = kept(state.item_means)
        self._biases = kept((state.item_means - self._mean).astype(np.float32)[:, None])
        self._vectors = kept(kernel.vectors)
        self._groups = [
            (kept(index), weight)
            for index, weight in (
                (kernel.author_index, kernel.author),
                (kernel.series_index, kernel.series),
            )
        ]
        self._prior = kept(prior_variance(kernel))
        self._reading = kept(state.reading)
        self._shares = kept(state.figures.shares)
        self._rated_figures = kept(rated_figures(state.figures, everything))
        self._fixed = kept(state.figures.fixed)
        embeddings = state.embeddings
        self._ridge = (
            None
            if embeddings is None
            else _RidgeTensors(tf, embeddings.ridge, embeddings.item_offsets)
        )
        self._trees = TreeTensors(tf, state.trees.forest)

    def variables(self) -> list[Any]:
        """Return everything that a SavedModel has to keep beside the graph."""
        ridge = [] if self._ridge is None else [self._ridge.vectors, self._ridge.offsets]
        tables = [
            part for table in (self._candidates, self._rated) for part in (table.ids, table.values)
        ]
        groups = [index for index, _ in self._groups]
        own = [value for value in vars(self).values() if isinstance(value, self._tf.Variable)]
        return [*own, *groups, *ridge, *tables, *self._trees.variables()]

    def predict(self, books: Any, rated_books: Any, rated_stars: Any, shelved_books: Any) -> Any:
        """Return the stars of some books for each of some readers.

        Parameters
        ----------
        books : int64 tensor, shape (n, c). Ids of the books to be predicted.
        rated_books : int64 tensor, shape (n, r). Each reader's rated books; of one that comes
            twice the last counts, 0 fills a shorter row, unknown ids are passed over.
        rated_stars : float32 tensor, shape (n, r). In 1..5; beside 0 anything.
        shelved_books : int64 tensor, shape (n, s). The to-read shelf, as ``rated_books``.

        Returns
        -------
        {"stars": float32 (n, c), finite, in 1..5; "basis": string (n, c)}. A book of which nothing
        is known gets the mean of all ratings, with the basis "unknown".

        Raises
        ------
        tensorflow.errors.InvalidArgumentError
            When the numbers of readers, or of ratings and stars, differ, or stars are not in 1..5.
        """
        tf = self._tf
        n_readers = tf.shape(books)[0]
        for tensor in (rated_books, rated_stars, shelved_books):
            tf.debugging.assert_equal(
                tf.shape(tensor)[0], n_readers, "The inputs are not of as many readers."
            )
        tf.debugging.assert_equal(
            tf.shape(rated_books), tf.shape(rated_stars), "rated_books and rated_stars differ."
        )
        in_range = (rated_stars >= MIN_STARS) & (rated_stars <= MAX_STARS)  # NaN is not
        tf.debugging.assert_equal(
            tf.reduce_all(in_range | (rated_books == 0)), True, "rated_stars are not in 1..5."
        )
        places = self._candidates.look_up(books)
        items = tf.where(places < tf.size(self._item_means, tf.int64), places, -1)
        inputs = (
            items,
            self._rated.look_up(rated_books),
            rated_stars,
            self._rated.look_up(shelved_books),
        )
        predicted, is_personal = tf.cond(
            n_readers > 0,
            lambda: tf.map_fn(
                lambda reader: self._of_reader(*reader),
                inputs,
                fn_output_signature=(
                    tf.TensorSpec([None], tf.float32),
                    tf.TensorSpec([], tf.bool),
                ),
            ),
            lambda: (tf.zeros_like(items, tf.float32), tf.zeros([0], tf.bool)),
        )
        common = tf.where(
            places >= 0,
            tf.gather(self._common_means, tf.maximum(places, 0)),
            np.float32(np.clip(self._mean, MIN_STARS, MAX_STARS)),
        )
        by_reader = (items >= 0) & is_personal[:, None]
        return {
            "stars": tf.where(by_reader, predicted, common),
            "basis": tf.where(by_reader, READER, tf.where(places >= 0, MEAN, UNKNOWN_BOOK)),
        }

    def _of_reader(self, items: Any, rated: Any, stars: Any, shelved: Any) -> Any:
        """Return one reader's stars of items (0 for item -1), and whether they are his own."""
        tf = self._tf
        order = tf.argsort(rated, stable=True)
        rated, stars = tf.gather(rated, order), tf.gather(stars, order)
        following = tf.concat([rated[1:], [-1]], 0)[: tf.size(rated)]
        is_last = (rated >= 0) & (rated != following)
        rated, stars = rated[is_last], stars[is_last]
        shelved = tf.sort(tf.unique(shelved[shelved >= 0]).y)
        shelved = shelved[~tf.reduce_any(shelved[:, None] == rated[None, :], axis=1)]
        is_personal = tf.size(rated) > 0

        def of_known() -> Any:
            known = items >= 0
            features = self._features(tf.maximum(items, 0), rated, stars, shelved)
            total = (
                self._mean
                + tf.cast(features[:, 0], tf.float64)
                + tf.cast(features[:, 1], tf.float64)
                + self._trees.predict(features)
            )
            clipped = tf.clip_by_value(total, float(MIN_STARS), float(MAX_STARS))
            return tf.where(known, tf.cast(clipped, tf.float32), 0.0)

        return tf.cond(is_personal, of_known, lambda: tf.zeros_like(items, tf.float32)), is_personal

    def _features(self, items: Any, rated: Any, stars: Any, shelved: Any) -> Any:
        """Return the columns of ``StarsPredictor``, float32 (n, n_columns)."""
        tf = self._tf
        n_items = tf.size(items)
        reader = self._reader_figures(stars, tf.size(shelved))
        bias = tf.gather(self._biases, items)
        rests = tf.cast(stars, tf.float64) - tf.gather(self._item_means, rated)
        parts, variance = self._taste(items, rated, rests)
        embedded = [] if self._ridge is None else [self._ridge.predict(items, rated, stars)]
        return tf.concat(
            [
                bias,
                tf.reduce_sum(parts, axis=1, keepdims=True),
                variance,
                parts,
                *embedded,
                tf.broadcast_to(reader, [n_items, reader.shape[0]]),
                tf.gather(self._rated_figures, items),
                self._closeness(items, rated, shelved),
                tf.gather(self._fixed, items),
            ],
            axis=1,
        )

    def _covariances(self, left: Any, right: Any) -> list[Any]:
        """Return ``TasteKernel._parts``."""
        tf = self._tf
        parts = []
        for index, weight in self._groups:
            of_left, of_right = tf.gather(index, left)[:, None], tf.gather(index, right)[None, :]
            is_same = (of_left == of_right) & (of_left >= 0)
            parts.append(tf.cast(is_same, tf.float32) * np.float32(weight))
        vectors = tf.matmul(
            tf.gather(self._vectors, left), tf.gather(self._vectors, right), transpose_b=True
        )
        return [*parts, vectors]

    def _taste(self, items: Any, rated: Any, rests: Any) -> tuple[Any, Any]:
        """Return ``TastePosterior.predict``: parts (n, 4), and variance (n, 1)."""
        tf, kernel = self._tf, self._kernel
        covariance = kernel.constant + sum(
            tf.cast(part, tf.float64) for part in self._covariances(rated, rated)
        )
        noise = tf.fill([tf.size(rated)], tf.constant(kernel.noise, tf.float64))
        inverse = tf.linalg.inv(covariance + tf.linalg.diag(noise))
        weights = tf.linalg.matvec(inverse, rests)
        crossed = self._covariances(items, rated)
        constant = tf.fill([tf.size(items)], kernel.constant * tf.reduce_sum(weights))
        own = tf.cast(weights, tf.float32)
        parts = tf.stack(
            [tf.cast(constant, tf.float32), *(tf.linalg.matvec(part, own) for part in crossed)],
            axis=1,
        )
        parts.set_shape([None, len(PART_NAMES)])
        total = sum(crossed[1:], crossed[0]) + np.float32(kernel.constant)
        explained = tf.reduce_sum(tf.matmul(total, tf.cast(inverse, tf.float32)) * total, axis=1)
        variance = tf.maximum(
            tf.gather(self._prior, items) - tf.cast(explained, tf.float64),
            tf.constant(kernel.noise, tf.float64),
        )
        return parts, tf.cast(variance, tf.float32)[:, None]

    def _reader_figures(self, stars: Any, n_shelved: Any) -> Any:
        """Return ``user_figures``, float32 (9,)."""
        tf = self._tf
        levels = np.arange(MIN_STARS, MAX_STARS + 1, dtype=np.float64)
        nearness = 1 - tf.abs(stars[:, None] - levels.astype(np.float32))
        counts = tf.reduce_sum(tf.maximum(nearness, 0), axis=0)
        number = tf.reduce_sum(counts)
        shares = (counts + np.float32(USER_DAMPING) * self._shares) / (
            number + np.float32(USER_DAMPING)
        )
        exact = tf.cast(shares, tf.float64)
        mean = tf.reduce_sum(exact * levels)
        spread = tf.sqrt(tf.maximum(tf.reduce_sum(exact * levels**2) - mean**2, 0))
        rest = [tf.cast(number, tf.float64), mean, spread]
        shelf = tf.math.log1p(tf.cast(n_shelved, tf.float64))
        return tf.concat([shares, tf.cast(tf.stack([*rest, shelf]), tf.float32)], axis=0)

    def _closeness(self, items: Any, rated: Any, shelved: Any) -> Any:
        """Return ``closeness`` to ``reading_total``, float32 (n, 2)."""
        tf = self._tf
        total = tf.reduce_sum(tf.gather(self._reading, rated), axis=0) + np.float32(
            SHELF_WEIGHT
        ) * tf.reduce_sum(tf.gather(self._reading, shelved), axis=0)
        products = tf.linalg.matvec(tf.gather(self._reading, items), total)
        return tf.stack([products, products / tf.maximum(tf.norm(total), 0.1)], axis=1)


class _RidgeTensors:
    """``UserRidge`` and the items' offsets: the column of the embeddings."""

    def __init__(self, tf: Any, ridge: UserRidge, offsets: NDArray[np.float32]) -> None:
        self._tf = tf
        self.vectors = tf.Variable(ridge.vectors, trainable=False)
        self.offsets = tf.Variable(offsets, trainable=False)
        self._user = ridge.mean.astype(np.float64)
        self._penalties = ridge.penalties.astype(np.float64)

    def predict(self, items: Any, rated: Any, stars: Any) -> Any:
        """Return ``DotProductPredictor.raw_profile``, float32 (n, 1)."""
        tf = self._tf
        vectors = tf.cast(tf.gather(self.vectors, rated), tf.float64)
        rest = tf.cast(stars - tf.gather(self.offsets, rated), tf.float64)
        rest -= tf.linalg.matvec(vectors, self._user)
        scaled = vectors / self._penalties

        def by_ratings() -> Any:
            kernel = tf.matmul(scaled, vectors, transpose_b=True)
            kernel += tf.eye(tf.size(rated), dtype=tf.float64)
            return tf.matmul(scaled, tf.linalg.solve(kernel, rest[:, None]), transpose_a=True)

        def by_factors() -> Any:
            gram = tf.matmul(vectors, vectors, transpose_a=True) + np.diag(self._penalties)
            return tf.linalg.solve(gram, tf.linalg.matvec(vectors, rest, transpose_a=True)[:, None])

        few = tf.size(rated) <= len(self._user)
        user = self._user + tf.cond(few, by_ratings, by_factors)[:, 0]
        products = tf.linalg.matvec(tf.cast(tf.gather(self.vectors, items), tf.float64), user)
        total = tf.cast(tf.gather(self.offsets, items), tf.float64) + products
        return tf.cast(total, tf.float32)[:, None]


def prior_variance(kernel: TasteKernel) -> NDArray[np.float64]:
    """Return the variance of a rating of each item by a reader of whom nothing is known."""
    nobody = kernel.posterior(np.empty(0, dtype=np.int64), np.empty(0))
    everything = np.arange(len(kernel.vectors))
    return nobody.predict(everything).variance.astype(np.float64)
