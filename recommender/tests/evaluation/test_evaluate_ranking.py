from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from recommender.engine import Profile, ndcg_at_k, recall_at_k
from recommender.engine.registry import rankers
from recommender.evaluation.ranking_run import first_ratings

HEADER = "user_id,book_id,rating"


def evaluate(world: dict[str, Path], *extra: Any, algorithm: str = "popularity") -> str:
    """Run the command on the world's files and return what it printed."""
    files = [f"--{name.replace('_', '-')}={path}" for name, path in world.items()]
    lists = world["ratings"].with_name("lists.csv")
    out = StringIO()
    arguments = [f"--algorithm={algorithm}", f"--lists={lists}", *files, *map(str, extra)]
    call_command("evaluate_ranking", *arguments, stdout=out)
    return out.getvalue()


def read_lists(path: Path) -> dict[int, list[int]]:
    """Return the books of each user, best first, after checking ranks."""
    lists: dict[int, list[int]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            lists.setdefault(int(row["user_id"]), []).append(int(row["book_id"]))
            assert int(row["rank"]) == len(lists[int(row["user_id"])])
    return lists


def refused(world: dict[str, Path], *extra: Any, algorithm: str = "popularity") -> str:
    """Return the sentence with which the command refuses, by exit code 2."""
    with pytest.raises(CommandError) as raised:
        evaluate(world, *extra, algorithm=algorithm)
    assert raised.value.returncode == 2
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_every_reader_of_the_fold_in_gets_a_list_without_what_he_rated(
    world: dict[str, Path],
) -> None:
    printed = evaluate(world, "--k=15", algorithm="item_knn")
    lists = read_lists(world["ratings"].with_name("lists.csv"))
    assert set(lists) == {900, 901}
    for user, first in ((900, 0), (901, 1)):
        assert len(lists[user]) == len(set(lists[user])) == 15
        assert not set(lists[user]) & set(range(100 + first, 120 + first, 2))
        # The taste of a reader is the parity of his books: the ten others come first.
        assert set(lists[user][:10]) == set(range(120 + first, 140 + first, 2))
    assert "| item_knn  |  1.0000 |" in printed


def test_rows_of_the_readers_to_be_ranked_for_are_left_out_and_counted(
    world: dict[str, Path], write: Callable[..., Path]
) -> None:
    """Each of the two has a row in ratings and one in to_read; 103 is a book of those alone."""
    world["to_read"] = write("to_read.csv", "user_id,book_id", [(900, 103), (1, 108), (901, 999)])
    path = world["ratings"].with_name("m.json")
    printed = evaluate(world, f"--json={path}")
    assert "Left out of the fit: 2 ratings and 2 to-read entries of the 2 readers" in printed
    data = json.loads(path.read_text())["data"]
    assert data["n_ratings_left_out"] == 2
    assert data["n_shelved_left_out"] == 2
    assert data["n_shelved"] == 1
    assert data["n_training_users"] == 80
    assert data["n_books"] == 40


def test_json_mirrors_the_table_and_the_figures_are_those_of_the_lists(
    world: dict[str, Path],
) -> None:
    path = world["ratings"].with_name("m.json")
    printed = evaluate(world, f"--json={path}", algorithm="item_knn")
    content = json.loads(path.read_text())
    (result,) = content["results"]
    lists = read_lists(world["ratings"].with_name("lists.csv"))
    wanted = {900 + taste: range(120 + taste, 140 + taste, 2) for taste in (0, 1)}
    ndcg = np.mean([ndcg_at_k(lists[user], list(wanted[user]), 10) for user in lists])
    recall = np.mean(
        [
            recall_at_k(lists[user], list(wanted[user]), 20, denominator="reachable")
            for user in lists
        ]
    )
    assert result["ndcg_at_10"] == pytest.approx(ndcg)
    assert result["recall_at_20"] == pytest.approx(recall)
    assert result["coverage_at_10"] == len({book for user in lists for book in lists[user][:10]})
    assert f"{result['ndcg_at_10']:.4f}" in printed
    assert f"{result['gini_at_10']:.3f}" in printed
    assert f"{result['novelty_at_10']:.2f}" in printed
    assert result["options"]["n_neighbours"] == 30
    assert content["k"] == 100
    assert content["failures"] == {}


def test_k_is_clipped_to_what_exists_and_metrics_do_not_depend_on_it(
    world: dict[str, Path],
) -> None:
    path = world["ratings"].with_name("m.json")
    found = {}
    for k in (3, 100_000):
        evaluate(world, f"--k={k}", f"--json={path}")
        lists = read_lists(world["ratings"].with_name("lists.csv"))
        assert {len(books) for books in lists.values()} == {min(k, 30)}
        found[k] = json.loads(path.read_text())["results"][0]["recall_at_100"]
    assert found[3] == found[100_000] == 1.0


def test_a_reader_of_unknown_books_alone_gets_the_popular_list(
    world: dict[str, Path], write: Callable[..., Path]
) -> None:
    world["fold_in"] = write("strangers.csv", HEADER, [(5000, 7777, 5), (900, 100, 5)])
    printed = evaluate(world, algorithm="item_knn")
    lists = read_lists(world["ratings"].with_name("lists.csv"))
    evaluate(world, algorithm="popularity")
    popular = read_lists(world["ratings"].with_name("lists.csv"))
    assert lists[5000] == popular[5000]
    assert len(lists[5000]) == 40
    assert "1 rows of the fold-in name a book that is unknown; 1 readers have no other" in printed
    assert "item_knn: 1 readers were given the popular list" in printed


def test_books_of_the_folder_can_be_ranked_though_nobody_rated_them(
    world: dict[str, Path], write: Callable[..., Path]
) -> None:
    write("books.csv", "book_id,goodreads_book_id,authors,title", [(5, 1, "A", "T")])
    evaluate(world, f"--books={world['ratings'].parent}")
    lists = read_lists(world["ratings"].with_name("lists.csv"))
    assert lists[900][-1] == 5


def test_a_target_is_not_needed(world: dict[str, Path]) -> None:
    del world["target"]
    path = world["ratings"].with_name("m.json")
    printed = evaluate(world, f"--json={path}")
    assert "NDCG" not in printed
    assert "coverage@10" in printed
    assert "ndcg_at_10" not in json.loads(path.read_text())["results"][0]


def test_target_books_that_nobody_can_find_count_as_missed(
    world: dict[str, Path], write: Callable[..., Path]
) -> None:
    rows = [(900, 120, 5), (900, 4444, 5), (901, 121, 3), (77, 100, 5)]
    world["target"] = write("target.csv", HEADER, rows)
    path = world["ratings"].with_name("m.json")
    printed = evaluate(world, f"--json={path}")
    (result,) = json.loads(path.read_text())["results"]
    assert result["recall_at_100"] == 0.5
    assert result["n_measured"] == 1
    assert "1 rows of the target are of readers without a fold-in" in printed


def test_duplicates_are_counted_and_the_last_one_wins(
    world: dict[str, Path], write: Callable[..., Path]
) -> None:
    rows = [(900, 120, 5), (900, 122, 1), (900, 120, 1), (900, 122, 5)]
    world["target"] = write("target.csv", HEADER, rows)
    path = world["ratings"].with_name("m.json")
    printed = evaluate(world, f"--json={path}")
    assert "the last row counts: 2 in target" in printed
    assert json.loads(path.read_text())["data"]["n_duplicates"]["target"] == 2


def test_all_prints_one_table_and_writes_a_file_for_each(world: dict[str, Path]) -> None:
    path = world["ratings"].with_name("m.json")
    printed = evaluate(world, f"--json={path}", algorithm="all")
    names = [algorithm.name for algorithm in rankers()]
    assert [row["algorithm"] for row in json.loads(path.read_text())["results"]] == names
    for name in names:
        assert f"\n| {name} " in printed
        assert set(read_lists(path.with_name(f"lists.{name}.csv"))) == {900, 901}
    assert not path.with_name("lists.csv").exists()


def test_a_failure_of_one_of_all_is_shown_and_the_others_go_on(
    world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)  # as if it were not installed
    out = StringIO()
    lists = world["ratings"].with_name("lists.csv")
    files = [f"--{name.replace('_', '-')}={path}" for name, path in world.items()]
    with pytest.raises(CommandError, match="algorithms failed") as raised:
        call_command("evaluate_ranking", "--algorithm=all", f"--lists={lists}", *files, stdout=out)
    assert raised.value.returncode == 1
    assert "als failed: als needs the library implicit" in out.getvalue()
    assert lists.with_name("lists.popularity.csv").exists()
    with pytest.raises(CommandError, match="als needs the library") as raised:
        evaluate(world, algorithm="als")
    assert raised.value.returncode == 1


def test_the_cold_start_curve_grows_with_the_ratings_known(world: dict[str, Path]) -> None:
    path = world["ratings"].with_name("m.json")
    printed = evaluate(
        world, "--fold-in-limit=10,1,1", f"--json={path}", "--seed=3", algorithm="item_knn"
    )
    (result,) = json.loads(path.read_text())["results"]
    assert [row["n_ratings"] for row in result["cold_start"]] == [1, 10]
    # Ten are all that there are.
    assert result["cold_start"][1]["ndcg_at_10"] == result["ndcg_at_10"]
    assert "NDCG@10 with so many ratings" in printed


def test_the_ratings_known_are_nested_and_depend_on_reader_and_seed() -> None:
    profile = Profile(np.arange(30), np.full(30, 4))
    drawn = [
        set(first_ratings(profile, n, seed=1, user_id=5).item_indices.tolist())
        for n in (1, 3, 10, 99)
    ]
    assert [len(items) for items in drawn] == [1, 3, 10, 30]
    assert drawn[0] < drawn[1] < drawn[2] < drawn[3]
    for other in ({"seed": 2, "user_id": 5}, {"seed": 1, "user_id": 6}):
        assert set(first_ratings(profile, 10, **other).item_indices.tolist()) != drawn[2]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--k=0"], "--k is '0'; wanted a whole number from 1"),
        (["--k=ten"], "--k is 'ten'"),
        (["--seed=-1"], "--seed is '-1'"),
        (["--fold-in-limit=1,0"], "--fold-in-limit is '0'"),
        (["--fold-in-limit=1,,2"], "--fold-in-limit is ''"),
        (["--option=nothing=1"], "popularity has no option 'nothing'"),
        (["--option=audience_exponent=x"], "wanted a number"),
        (["--option=audience_exponent=-1"], "wanted a finite number from 0"),
        (["--lists=/nowhere/at/all.csv"], "there is no folder /nowhere/at"),
        (["--json=/nowhere/at/all.json"], "there is no folder /nowhere/at"),
        (["--books=/nowhere"], "/nowhere is no folder"),
        (["--to-read=/nowhere.csv"], "/nowhere.csv cannot be read"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    world: dict[str, Path], extra: list[str], message: str
) -> None:
    assert message in refused(world, *extra)
    assert not world["ratings"].with_name("lists.csv").exists()


def test_an_unknown_algorithm_is_named(world: dict[str, Path]) -> None:
    assert "algorithm 'magic' is unknown" in refused(world, algorithm="magic")
    assert "name it in place of all" in refused(world, "--option=a=1", algorithm="all")


def test_a_curve_needs_a_target(world: dict[str, Path]) -> None:
    del world["target"]
    assert "add --target" in refused(world, "--fold-in-limit=1")


def test_nothing_to_fit_and_nothing_to_find_are_named(
    world: dict[str, Path], write: Callable[..., Path]
) -> None:
    hated = write("hated.csv", HEADER, [(900, 120, 3)])
    assert "nothing to be found" in refused(world | {"target": hated})
    alone = write("alone.csv", HEADER, [(900, 120, 3)])
    assert "nothing to fit" in refused(world | {"ratings": alone})


def test_the_command_line_exits_by_2_with_one_sentence_and_without_servers(
    world: dict[str, Path], tmp_path: Path
) -> None:
    """As a stranger's script runs it; the addresses prove that no server is asked for."""
    environment = os.environ | {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    files = [f"--{name.replace('_', '-')}={path}" for name, path in world.items()]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "manage.py",
                "evaluate_ranking",
                "--algorithm=popularity",
                f"--lists={tmp_path / 'lists.csv'}",
                *files,
            ],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run()
    assert done.returncode == 0, done.stderr
    assert set(read_lists(tmp_path / "lists.csv")) == {900, 901}
    world["ratings"].write_text("user_id,book_id\n1,2\n")
    refused = run()
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert "ratings.csv lacks the column rating" in refused.stderr
