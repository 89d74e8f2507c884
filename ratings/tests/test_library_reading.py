"""Whatever a spreadsheet has made of an export: its bytes, its columns, its cells."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from ratings.errors import LibraryFileError
from ratings.library_import import goodreads, storygraph
from ratings.library_import.entries import RowError, means_abandoned, parse_date, parse_stars
from ratings.library_import.formulas import harmless, plain
from ratings.library_import.goodreads import shelf_names
from ratings.library_import.isbns import canonical, isbn10_of, parse_isbns
from ratings.library_import.markup import text_of
from ratings.library_import.reading import read_table
from ratings.tests.libraries import goodreads_csv, library_file

UMLAUTS = {"Title": "Die Verwandlung für Ärzte", "Author": "Søren Æther", "Bookshelves": "a, b"}


def titles(content: bytes) -> list[str]:
    table = read_table(content)
    return [table.columns.by_name(row.cells)["title"] for row in table.rows()]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters(encoding: str, delimiter: str) -> None:
    text = goodreads_csv(UMLAUTS, delimiter=delimiter).decode()
    assert titles(text.encode(encoding)) == [UMLAUTS["Title"]]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "one"])
def test_ends_of_lines(newline: str, end: str) -> None:
    lines = ["Title,My Rating", '"a', 'b",3', "", "c,4"]
    content = newline.join(lines) + (newline if end else "")
    assert titles(content.encode()) == [f"a{newline}b", "c"]
    assert [row.line for row in read_table(content.encode()).rows()] == [2, 5]


@pytest.mark.parametrize(
    "header",
    [
        "my rating,TITLE,author",
        '"Title" , Author,  My   Rating',
        "sep=,\nTitle,Author,My Rating",
        "\n\nTitle,Author,My Rating,,,,",
        "Author,Problem,Title,Exclusive Shelf",
    ],
)
def test_columns_come_in_any_order_and_case(header: str) -> None:
    columns = read_table(f"{header}\n1,2,3\n".encode()).columns
    assert columns.format == "goodreads"
    assert columns.by_name(["1", "2", "3"])["title"] in {"1", "2", "3"}


def test_a_storygraph_file_may_be_called_what_it_will() -> None:
    assert read_table(library_file("storygraph.csv")).columns.format == "storygraph"


def test_a_row_that_is_too_long_or_too_short() -> None:
    rows = list(read_table(b"Title,Author,My Rating\na\nb,c,3,,,\nd,e,f,3\n").rows())
    assert [bool(row.problem) for row in rows] == [False, False, True]
    assert "4 cells under 3 columns" in rows[2].problem


def test_a_quotation_mark_that_is_never_closed_is_told_with_its_line() -> None:
    rows = list(read_table(b'Title,My Rating\na,1\n"b,2\nc,3\n').rows())
    assert [(row.line, bool(row.problem)) for row in rows] == [(2, False), (3, True)]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for whole in (content, b"Book Id,Title,My Rating\n" + content):
        try:
            list(read_table(whole).rows())
        except LibraryFileError as error:
            assert str(error)


@given(st.text(max_size=20) | st.text("'=+-@\t\r\n\uff1d ", max_size=6))
def test_a_cell_is_harmless_outside_and_itself_again_inside(cell: str) -> None:
    shown = harmless(cell)
    assert not shown.startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")) or shown.startswith(
        '="'
    )
    assert plain(shown) == cell or (cell.startswith("'") and shown == cell)


@pytest.mark.parametrize("cell", ['="0439023483"', '=""', '="043902348X"'])
def test_isbn_cells_stay_as_goodreads_writes_them(cell: str) -> None:
    assert harmless(cell) == cell
    assert harmless(cell + "&1").startswith("'")


@pytest.mark.parametrize(
    ("cell", "isbn"),
    [
        ('="0439023483"', "9780439023481"),
        ('"=""0439023483"""', "9780439023481"),
        ("439023483", "9780439023481"),
        ("0-439-02348-3", "9780439023481"),
        ("978-0-439-02348-1", "9780439023481"),
        ("ISBN: 9780439023481", "9780439023481"),
        ("080442957x", "9780804429573"),
        ("9791032305690", "9791032305690"),
    ],
)
def test_isbns_in_every_form(cell: str, isbn: str) -> None:
    remarks: list[str] = []
    assert parse_isbns([cell], remarks) == [isbn]
    assert not remarks


@pytest.mark.parametrize(
    "cell", ["9.78E+12", "9,78044E+12", "0439023484", "9780439023482", "abc", "٩٧٨"]
)
def test_what_is_no_isbn_is_told(cell: str) -> None:
    remarks: list[str] = []
    assert parse_isbns([cell], remarks) == []
    assert len(remarks) == 1


@pytest.mark.parametrize("cell", ["", '=""', "0", "0000000000", " "])
def test_an_empty_isbn_is_nothing(cell: str) -> None:
    remarks: list[str] = []
    assert parse_isbns([cell], remarks) == remarks == []


@given(st.integers(0, 999_999_999))
def test_both_forms_of_an_isbn_are_one(number: int) -> None:
    body = f"978{number:09}"
    isbn13 = next(body + d for d in "0123456789" if canonical(body + d))
    assert canonical(isbn10_of(isbn13)) == isbn13


@pytest.mark.parametrize(
    ("text", "stars"),
    [("", None), ("0", None), ("0.0", None), ("5", 5), ("5.0", 5), (" 4 ", 4), ("3.75", 4),
     ("3.5", 4), ("3,5", 4), ("3.25", 3), ("2.5", 3), ("0.25", 1), ("0.5", 1), ("4.75", 5)],
)  # fmt: skip
def test_stars_are_rounded_half_up(text: str, stars: int | None) -> None:
    assert parse_stars(text, []) == stars


@pytest.mark.parametrize("text", ["6", "5.01", "-1", "five", "1e0", "٣", "NaN", "inf", "3.", "1/2"])
def test_what_is_no_rating_fails(text: str) -> None:
    with pytest.raises(RowError):
        parse_stars(text, [])


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2021/03/14", date(2021, 3, 14)),
        ("2021-03-14", date(2021, 3, 14)),
        ("2021/3/4", date(2021, 3, 4)),
        ("03/14/2021", date(2021, 3, 14)),
        ("14/03/2021", date(2021, 3, 14)),
        ("14.03.2021", date(2021, 3, 14)),
        ("05/05/2021", date(2021, 5, 5)),
        ("", None),
    ],
)
def test_days(text: str, day: date | None) -> None:
    remarks: list[str] = []
    assert parse_date(text, remarks) == day
    assert not remarks


def test_a_day_that_is_none_is_told() -> None:
    in_a_week = f"{timezone.now().date() + timedelta(days=7):%Y/%m/%d}"
    wrong = ["2021", "2021/03", "03/04/2021", "2021/02/30", "31/31/2021", "soon", "0201/03/14"]
    for text in (*wrong, in_a_week, "1066/10/14", "٢٠٢١/٠٣/١٤", "2021/03-14"):
        remarks: list[str] = []
        assert parse_date(text, remarks) is None
        assert len(remarks) == 1, text


def test_shelves_of_a_cell() -> None:
    assert shelf_names("") == []
    assert shelf_names("a, b ,c") == ["a", "b", "c"]
    assert shelf_names('"books, lent", b') == ["books, lent", "b"]
    for name in ("dnf", "DNF", "did-not-finish", "Did not finish", "didn’t-finish", "abandoned"):
        assert means_abandoned(name), name
    for name in ("", "finished", "to-finish", "quite-good"):
        assert not means_abandoned(name), name


def test_reviews_become_plain_text() -> None:
    assert text_of("a<br/>b<br /><br/><br/><br/>c") == "a\nb\n\nc"
    assert text_of("<b>bold</b> &amp; <a href='x'>link</a>") == "bold & link"
    assert text_of("I <3 it, 2 < 3 > 1, <Name>") == "I <3 it, 2 < 3 > 1, <Name>"
    assert text_of("<div>one</div><div>two</div>") == "one\ntwo"
    assert text_of("&lt;script&gt;") == "<script>"


def entry(**cells: str):
    return goodreads.entry_of({"title": "T"} | {k.replace("_", " "): v for k, v in cells.items()})


def test_the_exclusive_shelf_says_how_far_the_reader_is() -> None:
    assert entry(exclusive_shelf="read").is_read
    assert entry(exclusive_shelf="to-read").shelf == "to_read"
    assert entry(exclusive_shelf="Currently-Reading").shelf == "reading"
    assert entry(exclusive_shelf="gave-up").shelf == "abandoned"
    custom = entry(exclusive_shelf="on-hold", bookshelves="on-hold, mine")
    assert (custom.shelf, custom.is_read, custom.own_shelves) == ("", False, ["on-hold", "mine"])
    # A file from before the column, or without it.
    assert entry(bookshelves="mine, to-read").shelf == "to_read"
    # Finished once, and again at it; but a day on a shelf of books given up ends nothing.
    again = entry(exclusive_shelf="currently-reading", date_read="2020/01/02")
    assert (again.shelf, again.is_read, again.finished_on) == ("reading", True, date(2020, 1, 2))
    given_up = entry(exclusive_shelf="dnf", date_read="2020/01/02")
    assert (given_up.is_read, given_up.finished_on) == (False, None)


def test_a_shelf_whose_name_is_none_is_told() -> None:
    found = entry(bookshelves=f"ok, {'x' * 61}, \x00\x07, to_read")
    assert found.own_shelves == ["ok"]
    assert any("1 to 60 characters" in remark for remark in found.remarks)


def test_a_review_that_is_too_long_is_told_and_the_rest_taken() -> None:
    found = entry(my_review="x" * 50_001, my_rating="4")
    assert (found.note, found.stars) == ("", 4)
    assert any("was not taken" in remark for remark in found.remarks)


def test_an_author_is_found_in_last_first_form() -> None:
    assert entry(author_l_f="x").authors == []
    assert goodreads.entry_of({"title": "T", "author l-f": "Le Guin, Ursula K."}).authors == [
        "Ursula K. Le Guin"
    ]


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        ("2022/03/16-2022/04/01", date(2022, 4, 1)),
        ("2023/02/01-2023/02/10, 2022/12/27-2023/01/04", date(2023, 2, 10)),
        ("2021/07/21", date(2021, 7, 21)),
        ("2021-07-21", date(2021, 7, 21)),
        ("2024/09-2024/10", None),
        ("2024", None),
        ("2025/07/08-2025/07/08, 2024", date(2025, 7, 8)),
    ],
)
def test_the_last_of_several_readings(dates: str, day: date | None) -> None:
    found = storygraph.entry_of({"title": "T", "read status": "read", "dates read": dates})
    assert found.finished_on == day


def test_numbers_that_are_no_isbn_are_amazons() -> None:
    for number in ("B000FC0PDA", "b0851jczyv", "5f0c6f1e-9a7b-4a3e-8a40-3a2b1c0d9e8f"):
        found = storygraph.entry_of({"title": "T", "isbn/uid": number})
        assert (found.isbns, found.remarks) == ([], [])
    assert storygraph.entry_of({"title": "T", "isbn/uid": "9.78E+12"}).remarks


def test_a_long_file_is_read_row_by_row() -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["Title", "My Rating"], *([["x", "3"]] * 5000)])
    rows = read_table(out.getvalue().encode()).rows()
    assert next(rows).line == 2


def test_long_cells_of_nothing_are_read_at_once() -> None:
    # Each would take minutes where the time grew with the square of the length.
    assert text_of("a" + " " * 130_000 + "b").endswith("b")
    assert text_of("<a " * 40_000)
    found = entry(bookshelves=",".join(f"s{n}" for n in range(20_000)))
    assert len(found.own_shelves) == 50
    assert found.remarks == ["Only the first 50 shelves were taken."]
