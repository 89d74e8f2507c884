from decimal import Decimal

import pytest

from catalog.goodbooks.titles import ParsedTitle, SeriesPlace, parse_title, resolve_series


@pytest.mark.parametrize(
    ("text", "title", "places"),
    [
        ("The Hunger Games (The Hunger Games, #1)", "The Hunger Games", {"The Hunger Games": "1"}),
        ("The Shining (The Shining #1)", "The Shining", {"The Shining": "1"}),
        (
            "One Thousand White Women (One Thousand White Women#1)",
            "One Thousand White Women",
            {"One Thousand White Women": "1"},
        ),
        ("Midnight Sun (Twilight, #1.5)", "Midnight Sun", {"Twilight": "1.5"}),
        (
            "His Dark Materials (His Dark Materials #1-3)",
            "His Dark Materials",
            {"His Dark Materials": "1-3"},
        ),
        (
            "The Oedipus Cycle (The Theban Plays, #1–3)",
            "The Oedipus Cycle",
            {"The Theban Plays": "1-3"},
        ),
        ("Four (Divergent, #0.1 - 0.4)", "Four", {"Divergent": "0.1-0.4"}),
        (
            "The Twilight Saga  (Twilight, #1-4 + 3.5)",
            "The Twilight Saga",
            {"Twilight": "1-4 + 3.5"},
        ),
        ("Sabriel (Abhorsen,  #1)", "Sabriel", {"Abhorsen": "1"}),
        ("Judy Moody (Judy Moody, # 1)", "Judy Moody", {"Judy Moody": "1"}),
        ("Moonlight Mile (Kenzie & Gennaro,#6)", "Moonlight Mile", {"Kenzie & Gennaro": "6"}),
        ("Mort (Death, #1; Discworld, #4)", "Mort", {"Death": "1", "Discworld": "4"}),
        (
            "Night Play (Dark-Hunter #5, Were-Hunter #1)",
            "Night Play",
            {"Dark-Hunter": "5", "Were-Hunter": "1"},
        ),
        (
            "Eternal Rider (Lords of Deliverance, #1, Demonica, #6)",
            "Eternal Rider",
            {"Lords of Deliverance": "1", "Demonica": "6"},
        ),
        (
            "A Touch of Dead (Sookie Stackhouse, #4.1, #4.3, #5.1)",
            "A Touch of Dead",
            {"Sookie Stackhouse": "4.1, 4.3, 5.1"},
        ),
        (
            "The Selection Stories (The Selection, #0.5, 2.5)",
            "The Selection Stories",
            {"The Selection": "0.5, 2.5"},
        ),
        ("Twist (Discworld, #4, 39 Clues #2)", "Twist", {"Discworld": "4", "39 Clues": "2"}),
        (
            "Steel and Snow (A Song of Ice and Fire, #3: Part 1 of 2)",
            "Steel and Snow",
            {"A Song of Ice and Fire": "3, Part 1 of 2"},
        ),
        (
            "Green Angel (Memory, Sorrow, and Thorn, #3; Part 2)",
            "Green Angel",
            {"Memory, Sorrow, and Thorn": "3, Part 2"},
        ),
        ("Ranma ½, Vol. 1 (Ranma ½ (US 2nd), #1)", "Ranma ½, Vol. 1", {"Ranma ½ (US 2nd)": "1"}),
        (
            "Deep Kiss (Includes: Immortals After Dark, #8; Alien Huntress, #3.5)",
            "Deep Kiss",
            {"Immortals After Dark": "8", "Alien Huntress": "3.5"},
        ),
        ("Dark Force (Star Wars; Thrawn, #2)", "Dark Force", {"Star Wars": "", "Thrawn": "2"}),
        ("Dark Force (Thrawn, #2; Star Wars)", "Dark Force", {"Thrawn": "2", "Star Wars": ""}),
        ("The Mysteries (Imajica Part #1/2)", "The Mysteries", {"Imajica Part": "1/2"}),
        ("Hidden (Bone Secrets. #1)", "Hidden", {"Bone Secrets": "1"}),
        ("The Cat (Cat Who..., #1)", "The Cat", {"Cat Who...": "1"}),
        ("Private #1 Suspect (Private, #2)", "Private #1 Suspect", {"Private": "2"}),
    ],
)
def test_series_are_read_in_every_spelling_that_occurs(
    text: str, title: str, places: dict[str, str]
) -> None:
    parsed = parse_title(text)

    assert parsed.title == title
    assert {place.series: place.label for place in parsed.places} == places


@pytest.mark.parametrize(
    "text",
    [
        "To Kill a Mockingbird",
        "#GIRLBOSS",
        "Saga #1",
        "Grace (Eventually): Thoughts on Faith",
        "You're Never Weird on the Internet (Almost)",
        "Sin City (Una Dura Despedida, #uno)",
        "(A Series, #1)",
        "Open ) parenthesis (",
        "A (#1)",
        "A (B, #1 of the best)",
        "A (" + "long " * 60 + ", #1)",
    ],
)
def test_a_title_that_names_no_numbered_series_stays_whole(text: str) -> None:
    assert parse_title(text).title == text.strip()
    assert parse_title(text).places == ()


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("1", Decimal(1)),
        ("0.5", Decimal("0.5")),
        ("1-3", None),
        ("3, Part 2", None),
        ("", None),
        ("123456", None),
    ],
)
def test_a_place_has_a_number_when_its_label_is_a_single_one(
    label: str, number: Decimal | None
) -> None:
    assert SeriesPlace("Discworld", label).number == number


def _series(*titles: str) -> list[list[str]]:
    resolved = resolve_series(map(parse_title, titles))
    return [[place.series for place in parsed.places] for parsed in resolved]


def test_a_series_has_the_most_frequent_of_its_spellings() -> None:
    assert (
        _series("A (Wheel of time, #1)", "B (Wheel of Time, #2)", "C (Wheel of Time, #3)")
        == [["Wheel of Time"]] * 3
    )


def test_a_leading_the_makes_another_series() -> None:
    assert _series("A (Immortals, #1)", "B (The Immortals, #1)") == [
        ["Immortals"],
        ["The Immortals"],
    ]


def test_parentheses_without_number_are_a_series_that_others_number() -> None:
    resolved = resolve_series(
        map(parse_title, ["Do-It-Yourself (Diary of a Wimpy Kid)", "X (Diary of a Wimpy Kid, #1)"])
    )

    assert resolved[0] == ParsedTitle("Do-It-Yourself", (SeriesPlace("Diary of a Wimpy Kid", ""),))


def test_parentheses_without_number_that_nobody_numbers_belong_to_the_title() -> None:
    [parsed] = resolve_series([parse_title("Sleepy Hollow (Graphic Novel)")])

    assert parsed == ParsedTitle("Sleepy Hollow (Graphic Novel)")


def test_a_series_named_twice_is_one_place() -> None:
    assert _series("A (Eve, #1; EVE, #2)") == [["Eve"]]
