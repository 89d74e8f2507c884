from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.engine import UNKNOWN, InputError, Vocabulary

ids = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40)


@given(ids)
def test_every_id_of_a_vocabulary_comes_back_from_its_index(values: list[int]) -> None:
    vocabulary = Vocabulary.of(np.array(values, dtype=np.int64))
    indices = vocabulary.indices(np.array(values, dtype=np.int64))
    assert vocabulary.ids[indices].tolist() == values
    assert vocabulary.ids.tolist() == sorted(set(values))


@given(ids, ids)
def test_exactly_the_ids_outside_the_vocabulary_are_unknown(
    inside: list[int], asked: list[int]
) -> None:
    vocabulary = Vocabulary.of(np.array(inside, dtype=np.int64))
    found = vocabulary.indices(np.array(asked, dtype=np.int64))
    assert [index == UNKNOWN for index in found] == [value not in set(inside) for value in asked]
    known = vocabulary.known_indices(np.array(asked, dtype=np.int64))
    assert vocabulary.ids[known].tolist() == [value for value in asked if value in set(inside)]


def test_a_vocabulary_refuses_ids_that_are_not_strictly_increasing() -> None:
    for wrong in ([2, 1], [1, 1]):
        with pytest.raises(InputError, match="strictly increasing"):
            Vocabulary(np.array(wrong))


@pytest.mark.parametrize("wrong", [[1.5], ["a"], [[1]], [True]])
def test_a_vocabulary_refuses_ids_that_are_no_flat_integers(wrong: list[object]) -> None:
    with pytest.raises(InputError, match="integers"):
        Vocabulary.of(wrong)  # type: ignore[arg-type]


def test_a_vocabulary_refuses_an_unsigned_id_that_would_turn_negative() -> None:
    with pytest.raises(InputError, match="more than int64"):
        Vocabulary.of(np.array([2**63], dtype=np.uint64))


def test_the_ids_of_a_vocabulary_cannot_be_changed_and_the_callers_array_stays_writable() -> None:
    mine = np.array([1, 2, 3])
    vocabulary = Vocabulary(mine)
    with pytest.raises(ValueError, match="read-only"):
        vocabulary.ids[0] = 9
    assert mine.flags.writeable


def test_an_empty_vocabulary_knows_nothing() -> None:
    assert Vocabulary.of([]).indices([1, 2]).tolist() == [UNKNOWN, UNKNOWN]
