import pytest

from catalog.text import book_search_text, normalize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ender's Game", "enders game"),
        ("L’Étranger", "letranger"),
        ("Les Misérables", "les miserables"),
        ("J.K. Rowling", "j k rowling"),
        ("  Catch-22  ", "catch 22"),
        ("Straße", "strasse"),
        ("Søren Łódź Æsop", "soren lodz aesop"),
        ("İstanbul", "istanbul"),
        ("ｆａｖｏｒｉｔｅｓ", "favorites"),
        ("Ορέστεια", "ορεστεια"),
        ("!?", ""),
    ],
)
def test_normalize_leaves_words_only(text: str, expected: str) -> None:
    assert normalize(text) == expected


@pytest.mark.parametrize("text", ["Ender's Game", "Les Misérables", "Σίσυφος", "Straße ½"])
def test_normalize_changes_nothing_the_second_time(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


def test_search_text_begins_with_the_title_and_says_nothing_twice() -> None:
    text = book_search_text(
        title="Die Verwandlung",
        original_title="die verwandlung",
        series=[],
        authors=["Franz Kafka"],
        isbns=["0552131067", ""],
    )

    assert text == "die verwandlung franz kafka 0552131067"
