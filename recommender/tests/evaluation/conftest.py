"""A small world in files: even readers rate even books, odd readers odd ones."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

N_BOOKS = 40


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as a CSV file of the test's folder and return its path."""

    def write_csv(name: str, header: str, rows: Iterable[tuple[object, ...]]) -> Path:
        path = tmp_path / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header.split(","), *rows])
        return path

    return write_csv


@pytest.fixture
def world(write: Callable[..., Path]) -> dict[str, Path]:
    """ratings, fold_in and target; readers 900 and 901 are in ratings too."""
    training = [
        (user, 100 + book, 5 if book % 2 == 0 else 4)
        for user in range(1, 81)
        for book in range(N_BOOKS)
        if user % 2 == book % 2 and (user * 7 + book) % 3
    ]
    header = "user_id,book_id,rating"
    fold_in = [(900, 100 + book, 5) for book in range(0, 20, 2)]
    fold_in += [(901, 100 + book, 4) for book in range(1, 21, 2)]
    target = [(900, 100 + book, 5) for book in range(20, N_BOOKS, 2)]
    target += [(901, 100 + book, 4) for book in range(21, N_BOOKS, 2)]
    return {
        "ratings": write("ratings.csv", header, [*training, (900, 101, 1), (901, 100, 1)]),
        "fold_in": write("fold_in.csv", header, fold_in),
        "target": write("target.csv", header, target),
    }
