"""Hyperparameters of the similarity index."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

from recommender.engine.errors import InputError

# Readers are told apart by their number of ratings: fewer than 15, 30, 60, 100, and the rest.
READER_CLASSES: Final = (15, 30, 60, 100)
SOLVERS: Final = ("auto", "dense", "sparse")

FiveFloats = tuple[float, float, float, float, float]
_NOT_NEGATIVE: Final = (
    "shelf_weight",
    "tag_weight",
    "author_weight",
    "series_weight",
    "shelf_input",
    "popularity_exponent",
    "share_exponent",
    "diagonal_exponent",
    "prior_weight",
)


@dataclass(frozen=True)
class LinearConfig:
    """Hyperparameters of ``LinearRanker``; see docs/algorithms/linear.md for the formulas.

    Parameters
    ----------
    star_weights : five floats > 0. Weight in the fit of a rating of 1, 2, 3, 4, 5 stars.
    reader_weights : five floats > 0. Weight in the Gram matrix of a reader with fewer than 15,
        30, 60, 100, or more ratings.
    shelf_weight : float >= 0. What the to-read shelves count in the fit.
    shelf_apart : bool. Whether a reader's shelf is a row of its own (G += shelf_weight * T^T T)
        or part of his row of ratings (a shelved, unrated book has the weight shelf_weight).
    tag_weight, author_weight, series_weight : float >= 0. What likeness of tags, the same first
        author and the same series count in the Gram matrix. Where they are together below
        ``regularization``, a fit succeeds whatever the catalog holds (``metadata_weight``).
    diagonal_scale : float >= 1. Factor on the diagonal of the Gram matrix (EDLAE's dropout).
    regularization : float > 0, added to the diagonal.
    n_neighbours : int > 0. Strongest weights kept per scored book.
    popularity_exponent : float >= 0. A weight's strength is its magnitude times this power of
        how many readers the rated book has: the weights that most lists meet are kept.
    share_exponent, diagonal_exponent : float >= 0. Scores of a book are divided by these powers
        of the share of its readers that the data holds and of its diagonal element of G.
    input_weights : five floats. What a rating of 1 to 5 stars counts when scoring; between two
        whole stars it is interpolated.
    shelf_input : float >= 0. What a book on the reader's to-read shelf counts when scoring.
    prior_weight : float >= 0. Score that the most popular book has for everybody.
    n_similar : int > 0. Similar books kept per book.
    solver : "auto", "dense" or "sparse". How the weights are solved; "auto": densely up to
        ``dense_items`` items and where memory allows, else book by book (``linear_sparse``).
    dense_items : int > 0. The largest catalogue that "auto" solves densely.
    n_support : int > 0. Books that the sparse path solves each scored book on.
    """

    star_weights: FiveFloats = (0.3, 0.4, 0.7, 1.0, 1.2)
    reader_weights: FiveFloats = (1.0, 1.0, 1.0, 1.0, 1.0)
    shelf_weight: float = 0.5
    shelf_apart: bool = True
    tag_weight: float = 15.0
    author_weight: float = 10.0
    series_weight: float = 10.0
    diagonal_scale: float = 1.2
    regularization: float = 70.0
    n_neighbours: int = 400
    popularity_exponent: float = 0.5
    share_exponent: float = 0.1
    diagonal_exponent: float = 0.05
    input_weights: FiveFloats = (0.0, 0.2, 0.6, 1.0, 1.2)
    shelf_input: float = 0.2
    prior_weight: float = 0.05
    n_similar: int = 50
    solver: str = "auto"
    dense_items: int = 15_000
    n_support: int = 200

    def __post_init__(self) -> None:
        """Refuse values that would make the fit fail or mean nothing."""
        for name in ("star_weights", "reader_weights", "input_weights"):
            values = getattr(self, name)
            if len(values) != 5:
                raise InputError(f"{name} has {len(values)} values; wanted 5.")
            object.__setattr__(self, name, tuple(float(value) for value in values))
        if not all(math.isfinite(value) for value in self.input_weights):
            raise InputError(f"input_weights is {self.input_weights}; wanted finite numbers.")
        for name in (*_NOT_NEGATIVE, "diagonal_scale"):
            value, least = getattr(self, name), float(name == "diagonal_scale")
            if not (math.isfinite(value) and value >= least):
                raise InputError(f"{name} is {value}; wanted a finite number from {least:g}.")
        positive = (
            *self.star_weights,
            *self.reader_weights,
            self.regularization,
            self.n_neighbours,
            self.n_similar,
            self.dense_items,
            self.n_support,
        )
        if not all(math.isfinite(value) and value > 0 for value in positive):
            raise InputError(
                "star_weights, reader_weights, regularization, n_neighbours, n_similar, "
                f"dense_items and n_support must be finite and above 0; got {self}."
            )
        if self.solver not in SOLVERS:
            raise InputError(f"solver is {self.solver!r}; wanted one of {', '.join(SOLVERS)}.")

    @property
    def metadata_weight(self) -> float:
        """Return the most that the metadata add to G outside of its diagonal, as eigenvalues go.

        With X the rows of tags, authors and series, H is M^T M, which is positive semidefinite,
        plus X^T X, which is too, less diag(X^T X), whose elements are at most this weight, plus
        at least ``regularization`` on the diagonal. So H is positive definite for any data while
        ``metadata_weight < regularization``. From there on it depends on the data.
        """
        return self.tag_weight + self.author_weight + self.series_weight

    @classmethod
    def prototype_a(cls) -> Self:
        """Return the first prototype: star-weighted EASE with the diagonal of EDLAE, no more.

        Its figures are published with the evaluation's protocol; it uses no catalog and no
        prior, and counts stars - 1.5 of a reader's rating.
        """
        return cls(
            shelf_weight=1.0,
            shelf_apart=False,
            tag_weight=0.0,
            author_weight=0.0,
            series_weight=0.0,
            diagonal_scale=1.25,
            regularization=100.0,
            n_neighbours=200,
            popularity_exponent=0.0,
            share_exponent=0.0,
            diagonal_exponent=0.0,
            input_weights=(-0.5, 0.5, 1.5, 2.5, 3.5),
            shelf_input=0.5,
            prior_weight=0.0,
        )
