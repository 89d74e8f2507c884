"""A linear fit of a catalogue too large for its Gram matrix: each column on a few books.

Column j of B is a ridge regression of book j on all others: with R those others,

    B_Rj = H_RR^-1 H_Rj,    1 / P_jj = H_jj - H_Rj^T B_Rj

which is what the dense inverse gives. Here R is a support S_j of at most ``n_support`` books,
those that by themselves would explain the most of j; all other weights of the column are 0. The
objective, the penalty and every entry of H are those of the dense fit; with n_support >=
n_items - 1 so is the result.

Memory: O(n_items * n_support), and the Gram matrix of ``BLOCK_ITEMS`` books at a time. Time:
O(n_items * n_support^3), and for each block what its books' readers have in common.

References
----------
Ning and Karypis, SLIM: Sparse Linear Methods for Top-N Recommender Systems (ICDM 2011).
Grote and Huckle, Parallel Preconditioning with Sparse Approximate Inverses (SIAM J. Sci. Comput.
1997): columns of an inverse by least squares on chosen places.
Spisak et al., Scalable Approximate NonSymmetric Autoencoder (RecSys 2023): EASE by a sparse
approximate inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from recommender.engine.errors import FitError
from recommender.engine.gram_inverse import gram_upper
from recommender.engine.linear_path import BLOCK_ITEMS
from recommender.engine.linear_supports import shared_blocks, strongest_supports

_WIDE: Final = 500  # a tag of more books does not choose supports; it counts in the regressions

_HEAVY_SHARE: Final = 0.05


class SolvedColumns(NamedTuple):
    """The strongest weights of every column of B.

    Parameters
    ----------
    neighbours : int array, shape (n_weights,). Rated items, column by column, ascending in each.
    weights : float32 array, shape (n_weights,). B_ij, not scaled.
    counts : int64 array, shape (n_items,). Weights of each column.
    diagonal : float32 array, shape (n_items,). P_jj.
    """

    neighbours: NDArray[np.integer]
    weights: NDArray[np.float32]
    counts: NDArray[np.int64]
    diagonal: NDArray[np.float32]


def solve_columns(
    interactions: csr_array,
    metadata: Sequence[csr_array],
    diagonal: NDArray[np.float64],
    strengths: NDArray[np.float32],
    *,
    n_support: int,
    n_neighbours: int,
    on_progress: Callable[[str, float], None],
) -> SolvedColumns:
    """Solve every column on its support; see the module.

    Parameters
    ----------
    interactions : CSR float32, shape (n_rows, n_items). M, the shelves apart below it.
    metadata : sequence of CSR float32, shape (any, n_items). X.
    diagonal : float64 array, shape (n_items,). Of H.
    strengths : float32 array, shape (n_items,). Factor of item i on the strength of B_ij.
    n_support, n_neighbours : int > 0. Books that a column is solved on, and weights kept of them.
    on_progress : callable. Told ("supports", 0..1) and ("regressions", 0..1).

    Raises
    ------
    FitError
        When a Gram matrix is not positive definite, or a weight is not finite.
    """
    narrow = [rows[np.flatnonzero(np.diff(rows.indptr) <= _WIDE)] for rows in metadata]
    supports = strongest_supports(
        csr_array(vstack([interactions, *narrow], format="csr")),
        diagonal,
        n_support,
        lambda done: on_progress("supports", done),
    )
    del narrow
    by_item = csr_array(csr_array(vstack([interactions, *metadata], format="csr")).T)
    n_items = supports.n_items
    neighbours: list[NDArray[np.int32]] = [np.empty(0, dtype=np.int32)] * n_items
    weights: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * n_items
    inverse_diagonal = np.zeros(n_items, dtype=np.float32)
    n_done = 0
    for columns, items in shared_blocks(supports, BLOCK_ITEMS):
        gram = _gram(_shared_rows(by_item, items))
        np.einsum("ii->i", gram)[:] = diagonal[items].astype(np.float32)
        for column in columns.tolist():
            support = np.sort(supports.of(column))
            solved, rest = _regression(
                gram, np.searchsorted(items, support), int(np.searchsorted(items, column))
            )
            kept = _kept(solved, strengths[support], n_neighbours)
            neighbours[column], weights[column] = support[kept], solved[kept]
            inverse_diagonal[column] = 1.0 / rest
        n_done += len(columns)
        on_progress("regressions", n_done / n_items)
    return SolvedColumns(
        np.concatenate(neighbours),
        np.concatenate(weights),
        np.array([len(own) for own in neighbours], dtype=np.int64),
        inverse_diagonal,
    )


def _shared_rows(by_item: csr_array, items: NDArray[np.int64]) -> csr_array:
    """Return the rows with two or more of some items; the others have no part in products.

    Parameters
    ----------
    by_item : CSR float32, shape (n_items, n_rows).
    items : int64 array, shape (n,).

    Returns
    -------
    CSR float32, shape (n_shared_rows, n).
    """
    chosen = csr_array(by_item[items])
    is_shared = np.bincount(chosen.indices, minlength=chosen.shape[1]) > 1
    kept = is_shared[chosen.indices]
    number = np.cumsum(is_shared) - 1
    after = np.concatenate(([0], np.cumsum(kept)))[chosen.indptr]
    shape = (len(items), int(np.count_nonzero(is_shared)))
    shared = csr_array((chosen.data[kept], number[chosen.indices[kept]], after), shape=shape)
    rows: csr_array = csr_array(shared.T)
    return rows


def _gram(rows: csr_array) -> NDArray[np.float32]:
    """Return the upper triangle of rows^T rows, the rest not defined; see ``gram_upper``.

    A tag of a twentieth of the books is quicker as a dense row: a third of the time is saved.
    """
    is_heavy = np.diff(rows.indptr) > _HEAVY_SHARE * rows.shape[1]
    gram = gram_upper(csr_array(rows[np.flatnonzero(~is_heavy)]))
    heavy = rows[np.flatnonzero(is_heavy)].toarray()
    gram += heavy.T @ heavy
    return gram


def _regression(
    gram: NDArray[np.float32], support: NDArray[np.intp], column: int
) -> tuple[NDArray[np.float32], float]:
    """Return H_SS^-1 H_Sj, and H_jj less what it explains, which is 1 / P_jj.

    Parameters
    ----------
    gram : float32 array, shape (n, n). Of H the upper triangle.
    support : int array, shape (m,). Places, ascending, without the column's.
    column : int. A place.

    Raises
    ------
    FitError
        When H_SS is not positive definite, or a result is not finite.
    """
    from scipy.linalg import lapack  # as in gram_inverse: not for the web

    own = float(gram[column, column])
    if not len(support):
        return np.empty(0, dtype=np.float32), own
    shared = np.where(support < column, gram[support, column], gram[column, support])
    # A C-ordered upper triangle is LAPACK's column-ordered lower one.
    between = gram[np.ix_(support, support)]
    factor, info = lapack.spotrf(between.T, lower=1, clean=0, overwrite_a=1)
    if info == 0:
        solved, info = lapack.spotrs(factor, shared, lower=1)
    if info != 0:
        raise FitError(
            f"the Gram matrix is not positive definite (LAPACK info {info}); raise regularization "
            "and look for interactions that are not finite."
        )
    rest = own - float(shared.astype(np.float64) @ solved)
    if not (np.isfinite(solved).all() and rest > 0):
        raise FitError("a fitted weight is not finite; raise regularization.")
    return solved, rest


def _kept(
    solved: NDArray[np.float32], strengths: NDArray[np.float32], n_kept: int
) -> NDArray[np.intp]:
    """Return where the strongest weights are, ascending, zeros left out; ties go to the lower."""
    strength = np.abs(solved) * strengths
    order = np.argsort(-strength, kind="stable")[:n_kept]
    return np.sort(order[strength[order] > 0])
