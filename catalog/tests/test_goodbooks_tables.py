"""Headers, whole numbers in blocks, and rows whose quotes span lines."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.goodbooks import integers
from catalog.goodbooks.errors import DatasetError
from catalog.goodbooks.headers import read_header
from catalog.goodbooks.integers import read_integers
from catalog.goodbooks.progress import SilentProgress
from catalog.goodbooks.records import read_table
from catalog.goodbooks.report import FileReport, SkippedRows

COLUMNS = ("user_id", "book_id", "rating")


def _report(folder: Path, name: str = "ratings.csv") -> FileReport:
    return FileReport(name, SkippedRows(folder / "skipped.csv"))


def _read(folder: Path, content: bytes) -> tuple[list[list[int]], FileReport]:
    """Rows of (line, user, book, rating) and the report."""
    path = folder / "ratings.csv"
    path.write_bytes(content)
    report = _report(folder)
    header = read_header(path, COLUMNS)
    rows: list[list[int]] = []
    for chunk in read_integers(path, header, COLUMNS, report, SilentProgress()):
        values = zip(chunk.lines.tolist(), *(c.tolist() for c in chunk.columns), strict=True)
        rows += map(list, values)
    return rows, report


def _skipped(folder: Path) -> list[dict[str, str]]:
    with (folder / "skipped.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_whole_numbers_are_read_with_their_lines(tmp_path: Path) -> None:
    rows, report = _read(tmp_path, b"user_id,book_id,rating\n1,11,5\n20,3,4\n")

    assert rows == [[2, 1, 11, 5], [3, 20, 3, 4]]
    assert (report.counts.read, report.counts.skipped) == (2, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfuser_id,book_id,rating\r\n1,11,5\r\n",
        b"book_id,user_id,rating\n11,1,5\n",
        b"rating,extra,book_id,user_id\n5,7,11,1\n",
        b"rating,extra,book_id,user_id\n5,as text,11,1\n",
        b'"user_id","book_id","rating"\n"1","11","5"\n',
        b"USER_ID, book_id ,rating\n1,11,5",
        b"user_id,book_id,rating\n 1,+11,5.0\n",
    ],
    ids=["bom-crlf", "kaggle", "extra", "extra-text", "quoted", "no-last-newline", "loose-numbers"],
)
def test_every_spelling_of_the_same_table_reads_the_same(tmp_path: Path, content: bytes) -> None:
    rows, report = _read(tmp_path, content)

    assert rows == [[2, 1, 11, 5]]
    assert report.counts.skipped == 0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1,2", "too few fields"),
        (b"1,2,3,4", "too many fields"),
        (b"1,2,good", "rating is not a whole number"),
        (b"1,2,4.5", "rating is not a whole number"),
        (b"1,,4", "book_id is not a whole number"),
        (b"1,2,\xff", "not valid UTF-8"),
        (b"99999999999999999999,2,4", "user_id is too large"),
        (b"9" * 5000 + b",2,4", "user_id is too large"),
        (b"9223372036854775808,2,4", "user_id is too large"),
        ("１,2,x".encode(), "rating is not a whole number"),
    ],
)
def test_a_bad_row_is_left_out_with_its_line_and_reason(
    tmp_path: Path, row: bytes, reason: str
) -> None:
    rows, report = _read(tmp_path, b"user_id,book_id,rating\n1,1,1\n" + row + b"\n\n2,2,2\n")

    assert rows == [[2, 1, 1, 1], [5, 2, 2, 2]]
    assert report.counts.reasons == {reason: 1}
    report._skipped.__exit__(None, None, None)
    [skipped] = _skipped(tmp_path)
    assert (skipped["file"], skipped["line"], skipped["reason"]) == ("ratings.csv", "3", reason)


def test_line_numbers_stay_true_after_a_quoted_line_end(tmp_path: Path) -> None:
    content = b'user_id,book_id,rating\n1,1,1\n"2\n",2,2\n3,3,x\n4,4,4\n'

    rows, report = _read(tmp_path, content)

    assert rows == [[2, 1, 1, 1], [3, 2, 2, 2], [6, 4, 4, 4]]
    report._skipped.__exit__(None, None, None)
    assert [row["line"] for row in _skipped(tmp_path)] == ["5"]


def test_a_quotation_mark_that_is_never_closed_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="line 3 is never closed"):
        _read(tmp_path, b'user_id,book_id,rating\n1,1,1\n2,"2,2\n3,3,3\n')


def test_text_behind_a_quotation_mark_spoils_one_row_only(tmp_path: Path) -> None:
    rows, report = _read(tmp_path, b'user_id,book_id,rating\n1,"1"x,1\n2,2,2\n')

    assert rows == [[3, 2, 2, 2]]
    assert report.counts.skipped == 1


def test_cells_that_a_spreadsheet_would_run_become_text(tmp_path: Path) -> None:
    _, report = _read(tmp_path, b"user_id,book_id,rating\n=1+1,2,3\n-x,2,3\n1,2,3\n")

    report._skipped.__exit__(None, None, None)
    assert [row["row"] for row in _skipped(tmp_path)] == ["'=1+1,2,3", "'-x,2,3"]


_LINES = st.lists(
    st.one_of(
        st.tuples(*[st.integers(0, 10**18)] * 3).map(lambda row: ",".join(map(str, row))),
        st.text(alphabet='0123456789,-+. "x', max_size=12),
    ),
    min_size=1,
)


@given(lines=_LINES, block=st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_blocks_of_any_size_read_as_the_csv_module_does(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], block: int
) -> None:
    """Oracle: csv.reader and int(), row by row, over rows without a quotation mark."""
    lines = [line.replace('"', "") for line in lines]
    content = "user_id,book_id,rating\n" + "\n".join(lines)
    expected = []
    for i, fields in enumerate(csv.reader(lines), start=2):
        if len(fields) == 3 and all(integers._INTEGER.fullmatch(field) for field in fields):
            values = [int(field.partition(".")[0]) for field in fields]
            expected.append([i, *values])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integers, "BLOCK_BYTES", block)
        patch.setattr(integers, "refuse_without_rows", lambda report: None)
        rows, report = _read(tmp_path_factory.mktemp("rows"), content.encode())

    assert rows == expected
    assert report.counts.read - report.counts.skipped == len(expected)
    assert report.counts.read == sum(1 for line in lines if line.strip())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ratings.csv is empty"),
        (b"user_id,book_id\n1,2\n", "lacks the column rating; found: user_id, book_id"),
        (b"user;book;rating\n", "separated by commas"),
        (b"a\n", "lacks the columns user_id, book_id, rating; found: a"),
        (b"\n1,2,3\n", "found: nothing"),
        (b"user_id,book_id,rating,rating\n", "more than one column rating"),
        (b"PK\x03\x04\x00\x00binary", "binary file"),
        ("user_id,book_id,rating\n1,2,3\n".encode("utf-16"), "binary file"),
        (b"user_id,book_id,r\xe9ting\n", "not text in UTF-8"),
        (b"x" * 100_000, "no line end"),
        (b"user_id,book_id,rating\n", "has a header but no rows"),
        (b"user_id,book_id,rating\n\n\n", "has a header but no rows"),
    ],
)
def test_an_unusable_file_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        _read(tmp_path, content)

    assert "\n" not in str(caught.value)


def test_text_rows_keep_line_ends_within_quotes_and_their_first_line(tmp_path: Path) -> None:
    path = tmp_path / "descriptions.csv"
    path.write_bytes(b'book_id,description\n1,"two\nlines"\n2,\xff\n3,nul\0\n4,four\n')
    report = _report(tmp_path, "descriptions.csv")

    records = list(read_table(path, read_header(path, ("book_id",)), report, SilentProgress()))

    assert [(r.line, r.fields) for r in records] == [(2, ["1", "two\nlines"]), (6, ["4", "four"])]
    assert report.counts.reasons == {"not valid UTF-8": 1, "contains a NUL character": 1}


def test_the_report_of_no_bad_row_is_no_file(tmp_path: Path) -> None:
    with SkippedRows(tmp_path / "skipped.csv") as skipped:
        FileReport("x.csv", skipped)

    assert not (tmp_path / "skipped.csv").exists()
