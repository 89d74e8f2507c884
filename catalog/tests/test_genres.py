from collections import Counter

import pytest

from catalog.builtin.library import GENRES as BUILTIN_GENRES
from catalog.genres import GENRES, genre_of_tag


@pytest.mark.parametrize(
    ("tag", "slug"),
    [
        ("epic-fantasy", "fantasy"),
        ("Sci-Fi", "science-fiction"),
        ("science fiction", "science-fiction"),
        ("science_fiction", "science-fiction"),
        ("non-fiction", "nonfiction"),
        ("to-read", None),
        ("fiction", None),
    ],
)
def test_tags_count_as_genres_whatever_their_case_and_word_breaks(
    tag: str, slug: str | None
) -> None:
    assert genre_of_tag(tag) == slug


def test_a_tag_counts_as_one_genre_only() -> None:
    tags = Counter(tag for genre in GENRES for tag in genre.tags)

    assert [tag for tag, times in tags.items() if times > 1] == []


def test_slugs_and_names_are_distinct() -> None:
    assert len({genre.slug for genre in GENRES}) == len({genre.name for genre in GENRES}) == 37


def test_every_genre_of_the_built_in_set_is_one_of_ours() -> None:
    assert [name for name in BUILTIN_GENRES if genre_of_tag(name) is None] == []
