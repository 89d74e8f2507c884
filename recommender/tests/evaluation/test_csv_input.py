from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recommender.evaluation.csv_input import read_pairs, read_ratings
from recommender.evaluation.errors import EvaluationError


def ratings_file(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "ratings.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_columns_are_found_by_header_in_any_order(tmp_path: Path) -> None:
    path = ratings_file(tmp_path, "rating,extra,book_id,user_id\n5,x,20,1\n3,y,10,2\n")
    table = read_ratings(path)
    assert table.user_ids.tolist() == [1, 2]
    assert table.book_ids.tolist() == [20, 10]
    assert table.rated.tolist() == [5, 3]


@pytest.mark.parametrize(
    "content",
    [
        "user_id,book_id,rating\r\n1,2,3\r\n",
        "\ufeffuser_id,book_id,rating\n1,2,3",
        '"user_id","book_id","rating"\n"1","2","3"\n',
        "user_id,book_id,rating\n1.0, 2 ,3.0\n\n",
        "User_ID,BOOK_ID,Rating\n1,2,3\n",
    ],
    ids=["windows", "byte order mark", "quoted", "floats", "upper case"],
)
def test_usual_spellings_of_a_table_are_read(tmp_path: Path, content: str) -> None:
    table = read_ratings(ratings_file(tmp_path, content))
    assert (table.user_ids[0], table.book_ids[0], table.rated[0]) == (1, 2, 3)
    assert len(table) == 1


def test_of_a_repeated_pair_the_last_row_counts(tmp_path: Path) -> None:
    path = ratings_file(tmp_path, "user_id,book_id,rating\n1,2,3\n1,3,1\n1,2,4\n2,2,5\n1,2,5\n")
    table = read_ratings(path)
    rows = zip(table.user_ids.tolist(), table.book_ids.tolist(), table.rated.tolist(), strict=True)
    assert list(rows) == [(1, 3, 1), (2, 2, 5), (1, 2, 5)]
    assert table.n_duplicates == 2


def test_pairs_have_no_stars(tmp_path: Path) -> None:
    table = read_pairs(ratings_file(tmp_path, "book_id,user_id\n7,1\n7,1\n"))
    assert (table.user_ids.tolist(), table.book_ids.tolist()) == ([1], [7])
    assert table.n_duplicates == 1
    with pytest.raises(TypeError, match="without ratings"):
        _ = table.rated


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"user_id,book_id,rating\n", "no rows"),
        (b"user_id,book_id\n1,2\n", "lacks the column rating"),
        (b"user_id;book_id;rating\n1;2;3\n", "separated by commas"),
        (b"\x00\x01\x02\xff\n\x00", "binary"),
        (b"\xff\xfe\xfd,a\n", "UTF-8"),
        (b"user_id,book_id,rating\n1,2,3\nx,2,3\n", "line 3: user_id is not a whole number"),
        (b"user_id,book_id,rating\n1,2.5,3\n", "line 2: book_id is not a whole number"),
        (b"user_id,book_id,rating\n1,,3\n", "line 2: book_id is not a whole number"),
        (b"user_id,book_id,rating\n1,99999999999999999999,3\n", "book_id is too large"),
        (b"user_id,book_id,rating\n1,2,3\n1,3,6\n", "line 3: rating is 6; wanted 1 to 5"),
        (b"user_id,book_id,rating\n1,2,0\n", "line 2: rating is 0"),
        (b"user_id,book_id,rating\n1,2,4.5\n", "line 2: rating is not a whole number"),
        (b"user_id,book_id,rating\n1,2,nan\n", "line 2: rating is not a whole number"),
        (b"user_id,book_id,rating\n1,2\n", "line 2: too few fields"),
        (b"user_id,book_id,rating\n1,2,3,4\n", "line 2: too many fields"),
        (b'user_id,book_id,rating\n1,2,"3\n', "never closed"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_sentence(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(EvaluationError, match=message) as raised:
        read_ratings(ratings_file(tmp_path, content))
    text = str(raised.value)
    assert text.startswith(str(tmp_path / "ratings.csv"))
    assert text.count(str(tmp_path)) == 1
    assert "\n" not in text


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="missing.csv cannot be read: No such file"):
        read_ratings(tmp_path / "missing.csv")
    with pytest.raises(EvaluationError, match="cannot be read: Is a directory"):
        read_ratings(tmp_path)


def test_a_long_row_is_shown_shortened(write: Callable[..., Path]) -> None:
    path = write("ratings.csv", "user_id,book_id,rating", [("x" * 500, 1, 1)])
    with pytest.raises(EvaluationError, match="…'$") as raised:
        read_ratings(path)
    assert len(str(raised.value)) < 300
