from __future__ import annotations

import numpy as np
import pytest

from recommender.engine.padded_rows import padded_rows


@pytest.mark.parametrize("max_elements", [1, 300, 4_000_000])
def test_every_entry_comes_once_and_padding_is_marked(max_elements: int) -> None:
    lengths = np.random.default_rng(0).integers(0, 40, 200)
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    seen: list[int] = []
    rows: list[int] = []
    for batch in padded_rows(indptr, width=3, max_elements=max_elements):
        assert batch.positions.shape == batch.is_entry.shape
        longest = batch.is_entry.shape[1]
        shortest = int(batch.is_entry.sum(axis=1).min())
        assert longest <= max(shortest + 2, int(1.15 * shortest))
        assert len(batch.rows) == 1 or batch.is_entry.size * max(3, longest) <= max_elements
        seen += batch.positions[batch.is_entry].tolist()
        rows += batch.rows.tolist()
        starts = indptr[batch.rows][:, None]
        assert (
            batch.positions[~batch.is_entry]
            == np.broadcast_to(starts, batch.is_entry.shape)[~batch.is_entry]
        ).all()
    assert sorted(seen) == list(range(int(indptr[-1])))
    assert sorted(rows) == np.flatnonzero(lengths).tolist()


def test_a_matrix_without_entries_has_no_batches() -> None:
    assert list(padded_rows(np.zeros(4, dtype=np.int32), width=1)) == []
