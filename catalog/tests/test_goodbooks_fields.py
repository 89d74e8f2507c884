import pytest

from catalog.goodbooks import fields


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("439023483", "0439023483"),  # lost a zero
        ("7491433", "0007491433"),  # lost three
        ("043965548X", "043965548X"),
        ("43965548x", "043965548X"),
        ("439023483.0", "0439023483"),
        ("0-439-02348-3", "0439023483"),
        ("439023484", ""),  # wrong check digit
        ("12345678901", ""),
        ("0", ""),
        ("", ""),
        ("abc", ""),
    ],
)
def test_isbn10_gets_its_zeros_back_and_is_checked(cell: str, expected: str) -> None:
    assert fields.parse_isbn10(cell) == expected


@pytest.mark.parametrize(
    ("cell", "isbn10", "expected"),
    [
        ("9.78043902348e+12", "0439023483", "9780439023481"),
        ("", "043965548X", "9780439655484"),
        ("9780439023481", "", "9780439023481"),
        ("978-0-439-02348-1", "", "9780439023481"),
        ("9780439023482", "0439023483", "9780439023481"),  # wrong check digit
        ("9.78043902348e+12", "", ""),
    ],
)
def test_isbn13_is_rebuilt_unless_it_is_whole(cell: str, isbn10: str, expected: str) -> None:
    assert fields.parse_isbn13(cell, isbn10) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("eng", "eng"),
        ("en-US", "eng"),
        ("en-GB", "eng"),
        ("en-CA", "eng"),
        ("en", "eng"),
        ("nl", "dut"),
        ("de_AT", "ger"),
        ("deu", "ger"),
        ("fre", "fre"),
        ("mul", "mul"),
        ("", ""),
        ("--", None),
        ("Klingon", None),
    ],
)
def test_languages_become_iso_639_2_b(cell: str, expected: str | None) -> None:
    assert fields.parse_language(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2008.0", 2008),
        ("-720.0", -720),
        ("1987", 1987),
        ("", None),
        ("1987.5", None),
        ("soon", None),
    ]
    + [("40000", None), ("nan", None)],
)
def test_years_are_whole_and_may_lie_before_the_common_era(cell: str, expected: int | None) -> None:
    assert fields.parse_year(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("https://images.gr-assets.com/books/1447303603m/2767052.jpg",) * 2,
        ("http://images.example.com/1.jpg", "https://images.example.com/1.jpg"),
        ("https://s.gr-assets.com/assets/nophoto/book/111x148-bcc042.png", ""),
        ("", ""),
        ("javascript:alert(1)", None),
        ("https://images.example.com/" + "x" * 300, None),
    ],
)
def test_covers_are_https_or_nothing(cell: str, expected: str | None) -> None:
    assert fields.parse_cover(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("4.345", "4.34"), ("5", "5.00"), ("5.01", None), ("-1", None), ("", None), ("good", None)],
)
def test_averages_lie_between_zero_and_five(cell: str, expected: str | None) -> None:
    assert fields.parse_average(cell) == expected


def test_counts_fit_the_column() -> None:
    assert [fields.parse_count(cell) for cell in ("4780653", "-1", "2147483648", "2.5")] == [
        4780653,
        None,
        None,
        None,
    ]


def test_authors_keep_their_order_and_are_named_once() -> None:
    assert fields.parse_authors("Mikhail Bulgakov, Matthew    Ward, Mikhail Bulgakov, ") == [
        "Mikhail Bulgakov",
        "Matthew Ward",
    ]
