from __future__ import annotations

import threading

import numpy as np
import pytest

from recommender.engine.threads import in_threads, n_cores, small_product


def test_there_is_at_least_one_core() -> None:
    assert n_cores() >= 1


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_part_is_done_once(n_threads: int) -> None:
    done: list[int] = []
    in_threads(done.append, range(20), n_threads)
    assert sorted(done) == list(range(20))


def test_one_thread_is_this_one_and_two_work_at_the_same_time() -> None:
    seen: list[int] = []
    in_threads(lambda _: seen.append(threading.get_ident()), range(3), 1)
    assert set(seen) == {threading.get_ident()}
    both = threading.Barrier(2, timeout=30)
    in_threads(lambda _: both.wait(), range(2), 2)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_of_a_part_comes_out(n_threads: int) -> None:
    def work(part: int) -> None:
        if part == 1:
            raise ValueError("part 1")

    with pytest.raises(ValueError, match="part 1"):
        in_threads(work, range(100), n_threads)


@pytest.mark.parametrize("shape", [(100, 64, 100), (3, 2, 4), (5, 3, 1 << 17), (1, 1, 1)])
def test_a_product_in_pieces_is_the_product(shape: tuple[int, int, int]) -> None:
    generator = np.random.default_rng(0)
    left = generator.normal(size=shape[:2]).astype(np.float32)
    right = generator.normal(size=shape[1:]).astype(np.float32)
    # float32 sums of at most 64 terms
    np.testing.assert_allclose(small_product(left, right), left @ right, rtol=1e-4, atol=1e-4)
