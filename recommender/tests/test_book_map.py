"""The map of the active run, as pages draw it."""

import gzip
import json

import numpy as np
import pytest

from catalog.models import Book, BookGenre, Genre
from recommender.active import holder
from recommender.book_map import LAYOUTS, NO_GENRE, placed_books
from recommender.dataset import load_dataset
from recommender.engine import BookMap
from recommender.engine.book_map import BookMapConfig
from recommender.tests.published_runs import fitted_parts, put_live


def put_map_live(seed: int = 3, not_placed: tuple[int, ...] = ()) -> BookMap:
    """Put a run live whose map has random places; the books of those rows have none."""
    n = len(load_dataset().catalog.items)
    rng = np.random.default_rng(seed)
    placed = np.ones(n, dtype=np.bool_)
    placed[list(not_placed)] = False
    places = rng.uniform(-1, 1, (2, n, 2)).astype(np.float32)
    places[:, ~placed] = 0
    book_map = BookMap(places[0], places[1], placed, BookMapConfig())
    put_live({**fitted_parts(), "map": book_map.to_part()})
    return book_map


def decoded(placed) -> dict[str, np.ndarray]:
    """Read the files as the page's script does."""
    files = {name: gzip.decompress(content) for name, content in placed.files.items()}
    n = int(np.frombuffer(files["books"], "<u4", 1)[0])
    bytes_ = np.frombuffer(files["books"], np.uint8, 2 * n, 4 + 4 * n)
    result = {
        "ids": np.cumsum(np.frombuffer(files["books"], "<u4", n, 4)),
        "genre": bytes_[:n],
        "popularity": bytes_[n:],
        "titles": json.loads(files["titles"]),
    }
    assert len(files["books"]) == 4 + 6 * n
    for layout in LAYOUTS:
        whole = np.frombuffer(files[layout], "<u2").reshape(2, n).T
        result[layout] = whole / 65535 * 2 - 1
    return result


def test_what_a_page_decodes_is_what_the_artifact_holds(two_tastes, artifacts) -> None:
    horror, comic = (Genre.objects.create(slug=s, name=s) for s in ("horror", "comic"))
    books = list(Book.objects.order_by("pk"))
    for book in books[:4]:
        BookGenre.objects.create(book=book, genre=comic, share=0.6)
        BookGenre.objects.create(book=book, genre=horror, share=0.4)
    BookGenre.objects.create(book=books[5], genre=horror, share=1.0)
    book_map = put_map_live(not_placed=(2,))

    placed = placed_books()
    page = decoded(placed)
    items = holder.current().catalog.items.ids
    rows = [row for row in range(len(items)) if row != 2]
    assert page["ids"].tolist() == items[rows].tolist()
    # Half a step of 2/65535 is lost by rounding.
    assert np.abs(page["tsne"] - book_map.tsne[rows]).max() <= 1 / 65535
    assert np.abs(page["pca"] - book_map.pca[rows]).max() <= 1 / 65535
    assert placed.genres == ((comic, 3), (horror, 1))
    genres = dict(zip(page["ids"].tolist(), page["genre"].tolist(), strict=True))
    assert genres[books[0].pk] == 0
    assert genres[books[5].pk] == 1
    assert genres[books[-1].pk] == NO_GENRE
    titles = dict(Book.objects.values_list("pk", "title"))
    assert [title for title, _ in page["titles"]] == [titles[pk] for pk in page["ids"].tolist()]
    assert page["titles"][0][1] == books[0].authors.first().name


def test_popularity_grows_with_the_number_of_ratings(two_tastes, artifacts) -> None:
    few, many = Book.objects.order_by("pk")[:2]
    Book.objects.update(ratings_count=0)
    Book.objects.filter(pk=few.pk).update(ratings_count=10)
    Book.objects.filter(pk=many.pk).update(ratings_count=100_000)
    put_map_live()
    page = decoded(placed_books())
    popularity = dict(zip(page["ids"].tolist(), page["popularity"].tolist(), strict=True))
    assert popularity[many.pk] == 255
    assert 0 < popularity[few.pk] < 255
    assert min(popularity.values()) == 0


def test_a_book_that_is_hidden_later_leaves_the_map_and_its_token(two_tastes, artifacts) -> None:
    put_map_live()
    before = placed_books()
    book = Book.objects.order_by("pk")[3]
    Book.objects.filter(pk=book.pk).update(is_hidden=True)
    after = placed_books()
    assert after.token != before.token
    assert book.pk in before.ids
    assert book.pk not in after.ids
    assert len(after) == len(before) - 1
    assert book.title not in [title for title, _ in after.names]
    assert all(book.pk not in after.nearest(int(pk), "tsne", 50) for pk in after.ids)
    assert after.nearest(book.pk, "tsne", 5) == []


def test_another_run_is_another_map(two_tastes, artifacts) -> None:
    put_map_live(seed=1)
    before = placed_books()
    assert placed_books() is before
    put_map_live(seed=2)
    after = wait_for_another(before.token)
    assert not np.allclose(after.places["tsne"], before.places["tsne"])


def wait_for_another(token: str):
    """The new run is loaded by a thread, while the old one serves."""
    for _ in range(100_000):
        placed = placed_books()
        if placed is not None and placed.token != token:
            return placed
    pytest.fail("the new run's map never came")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_nearest_books_are_the_nearest(two_tastes, artifacts, layout) -> None:
    put_map_live()
    placed = placed_books()
    for at in (0, 5, len(placed) - 1):
        distances = np.hypot(*(placed.places[layout] - placed.places[layout][at]).T)
        order = [int(placed.ids[i]) for i in np.argsort(distances) if i != at]
        assert placed.nearest(int(placed.ids[at]), layout, 4) == order[:4]
        assert placed.nearest(int(placed.ids[at]), layout, 10_000) == order
    assert placed.nearest(10**9, layout, 4) == []


def test_without_a_run_or_its_map_there_is_none(two_tastes, artifacts) -> None:
    assert placed_books() is None
    put_live(fitted_parts())
    assert placed_books() is None


def test_a_map_on_which_no_book_is_visible_is_empty(two_tastes, artifacts) -> None:
    put_map_live()
    Book.objects.update(is_hidden=True)
    placed = placed_books()
    assert len(placed) == 0
    assert decoded(placed)["ids"].tolist() == []
