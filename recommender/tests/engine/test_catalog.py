from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine import ArtifactError, Catalog, InputError, Part, Series, Vocabulary

ITEMS = Vocabulary.of([5, 6, 7])
SERIES = Series(np.array([0, 0, -1]), np.array([1, np.nan, np.nan]))


def catalog(**changes: object) -> Catalog:
    arrays: dict[str, object] = {
        "author_index": np.array([0, 1, -1]),
        "genre_index": np.array([2, -1, 2]),
        "n_ratings": np.array([100, np.nan, 0]),
        "mean_stars": np.array([4.5, np.nan, np.nan]),
        "std_stars": np.array([0.8, np.nan, np.nan]),
        "n_reviews": np.array([7, 0, np.nan]),
        "years": np.array([1984, -720, np.nan]),
        "authors": csr_array(np.array([[1, 1], [0, 1], [0, 0]])),
        "tags": csr_array(np.array([[3, 0, 0], [0, 0, 5], [0, 1, 0]])),
    }
    return Catalog(ITEMS, SERIES, **(arrays | changes))  # type: ignore[arg-type]


def test_a_catalog_comes_back_from_its_part() -> None:
    again = Catalog.from_part(catalog().to_part())
    assert again.items.ids.tolist() == [5, 6, 7]
    for name in (
        "author_index",
        "genre_index",
        "n_ratings",
        "mean_stars",
        "std_stars",
        "n_reviews",
        "years",
    ):
        np.testing.assert_array_equal(getattr(again, name), getattr(catalog(), name))
    for name in ("authors", "tags"):
        matrix = getattr(again, name)
        assert matrix.dtype == np.float32
        np.testing.assert_array_equal(matrix.toarray(), getattr(catalog(), name).toarray())
    np.testing.assert_array_equal(again.series.index, SERIES.index)
    np.testing.assert_array_equal(again.series.number, SERIES.number)


def test_a_bare_catalog_knows_the_ids_and_nothing_else() -> None:
    again = Catalog.from_part(Catalog.bare(ITEMS).to_part())
    assert again.n_items == 3
    assert again.n_ratings is None
    assert again.mean_stars is None
    assert again.series.index.tolist() == [-1] * len(again.series)


@pytest.mark.parametrize(
    "changes",
    [
        {"author_index": np.array([0, 1])},
        {"genre_index": np.array([0, 1, -2])},
        {"genre_index": np.array([0.0, 1.0, 2.0])},
        {"n_ratings": np.array([1, 2, -3])},
        {"n_ratings": np.array([1, 2, np.inf])},
        {"mean_stars": np.array([4, 5.5, 1])},
        {"mean_stars": np.array([4, 0, 1])},
        {"mean_stars": np.array([4])},
        {"std_stars": np.array([1, -1, 1])},
        {"n_reviews": np.array([1, -1, 1])},
        {"years": np.array([1984, np.inf, 1])},
        {"authors": csr_array((2, 4))},
        {"tags": csr_array(np.array([[0, -1], [1, 1], [1, 1]]))},
        {"tags": csr_array(np.array([[0, np.nan], [1, 1], [1, 1]]))},
    ],
)
def test_a_catalog_refuses_arrays_that_mean_nothing(changes: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        catalog(**changes)


def test_a_catalog_refuses_series_of_another_length() -> None:
    with pytest.raises(InputError, match="series has 2"):
        Catalog(ITEMS, Series.none(2), np.array([0, 0, 0]), np.array([0, 0, 0]))


def test_a_part_that_does_not_fit_together_is_an_artifact_error() -> None:
    arrays = dict(catalog().to_part().arrays)
    with pytest.raises(ArtifactError, match="fit together"):
        Catalog.from_part(Part("catalog", arrays | {"item_ids": np.array([3, 2, 1])}))
    for broken in ({"tags_indices": np.array([0, 9, 1])}, {"tags_shape": np.array([2, 3])}):
        with pytest.raises(ArtifactError, match="tags"):
            Catalog.from_part(Part("catalog", arrays | broken))
    del arrays["genre_index"]
    with pytest.raises(ArtifactError, match="no array genre_index"):
        Catalog.from_part(Part("catalog", arrays))
