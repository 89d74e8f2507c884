from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recommender.engine.registry import predictors

HEADER = "user_id,book_id,rating"


@pytest.fixture
def files(write: Callable[..., Path]) -> dict[str, Path]:
    """Generous user 1, strict user 2; book 10 better than book 20; every pair of them once."""
    train = [(1, 10, 5), (1, 20, 4), (2, 10, 2), (2, 20, 1), (3, 10, 4), (3, 30, 3)]
    test = [(1, 30, 4), (2, 30, 2), (9, 10, 3), (1, 99, 5), (9, 99, 1), (1, 10, 5)]
    return {"train": write("train.csv", HEADER, train), "test": write("test.csv", HEADER, test)}


def evaluate(
    files: dict[str, Path], *extra: Any, algorithm: str = "biases"
) -> tuple[str, list[dict[str, float]], dict[str, Any]]:
    """Run the command; return what it printed, the rows of predictions and the JSON."""
    folder = files["train"].parent
    out = StringIO()
    arguments = [f"--algorithm={algorithm}", *(f"--{n}={p}" for n, p in files.items()), *extra]
    places = [f"--predictions={folder / 'p.csv'}", f"--json={folder / 'm.json'}"]
    call_command("evaluate_ratings", *arguments, *places, stdout=out)
    rows = []
    if algorithm != "all":
        with (folder / "p.csv").open(newline="") as file:
            rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    return out.getvalue(), rows, json.loads((folder / "m.json").read_text())


def test_every_test_row_is_predicted_in_the_order_of_the_file(files: dict[str, Path]) -> None:
    _, rows, content = evaluate(files)
    assert list(rows[0]) == ["user_id", "book_id", "rating", "predicted"]
    assert [(row["user_id"], row["book_id"]) for row in rows] == [
        (1, 30),
        (2, 30),
        (9, 10),
        (1, 99),
        (9, 99),
        (1, 10),
    ]
    assert all(1 <= row["predicted"] <= 5 for row in rows)
    assert rows[0]["predicted"] > rows[1]["predicted"]
    errors = [row["predicted"] - row["rating"] for row in rows]
    (result,) = content["results"]
    assert result["mse"] == pytest.approx(sum(e * e for e in errors) / 6, abs=1e-4)
    assert result["rmse"] == pytest.approx(result["mse"] ** 0.5)
    assert result["mae"] == pytest.approx(sum(map(abs, errors)) / 6, abs=1e-4)


def test_unknown_readers_and_books_are_given_means_and_counted(files: dict[str, Path]) -> None:
    printed, rows, content = evaluate(files)
    assert rows[2]["predicted"] == pytest.approx(11 / 3, abs=1e-5)  # of book 10: 5, 2, 4
    assert rows[3]["predicted"] == rows[4]["predicted"] == pytest.approx(19 / 6, abs=1e-5)
    assert content["data"]["n_fallback"] == 3
    assert content["data"]["n_unknown_users"] == 2
    assert content["data"]["n_unknown_books"] == 2
    assert "3 test rows have an unknown reader (2) or book (2)" in printed


def test_a_book_without_ratings_that_the_folder_names_is_known(
    files: dict[str, Path], write: Callable[..., Path]
) -> None:
    write("books.csv", "book_id,goodreads_book_id,authors,title", [(99, 1, "A", "T")])
    shelf = write("to_read.csv", "user_id,book_id", [(9, 30)])
    _, _, content = evaluate(files, f"--books={shelf.parent}", f"--to-read={shelf}")
    assert content["data"]["n_fallback"] == 0
    assert content["data"]["n_shelved"] == 1


def test_test_pairs_that_were_fitted_on_are_counted(files: dict[str, Path]) -> None:
    printed, _, content = evaluate(files)
    assert content["data"]["n_test_in_train"] == 1
    assert "1 test pairs are in the training file too" in printed


def test_of_a_repeated_pair_the_last_row_counts(
    files: dict[str, Path], write: Callable[..., Path]
) -> None:
    files["test"] = write("test.csv", HEADER, [(1, 30, 1), (2, 30, 2), (1, 30, 4)])
    printed, rows, content = evaluate(files)
    assert [(row["user_id"], row["rating"]) for row in rows] == [(2, 2), (1, 4)]
    assert content["data"]["n_duplicates_test"] == 1
    assert "0 in train, 1 in test" in printed


def test_all_prints_one_table(files: dict[str, Path]) -> None:
    printed, _, content = evaluate(files, algorithm="all")
    names = [algorithm.name for algorithm in predictors()]
    assert [result["algorithm"] for result in content["results"]] == names
    assert all(f"\n| {name} " in printed for name in names)
    assert (files["train"].parent / "p.biases.csv").exists()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--option=user_damping=x"], "wanted a number"),
        (["--option=speed=1"], "biases has no option 'speed'"),
        (["--train=/nowhere.csv"], "/nowhere.csv cannot be read"),
        (["--books=/nowhere"], "/nowhere is no folder"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    files: dict[str, Path], extra: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message) as raised:
        evaluate(files, *extra)
    assert raised.value.returncode == 2
    assert not (files["train"].parent / "p.csv").exists()


def test_a_ranker_that_predicts_no_stars_is_named(files: dict[str, Path]) -> None:
    with pytest.raises(CommandError, match="'linear' is of another kind") as raised:
        evaluate(files, algorithm="linear")
    assert raised.value.returncode == 2
