import pytest

from accounts.tests.factories import UserFactory
from catalog.models import Book, Series, Volume
from catalog.tests.factories import BookFactory
from ratings.services import rate_book, remove_rating, shelve_book
from recommender.active import holder
from recommender.models import TrainingRun
from recommender.serving import (
    model_state,
    popular_books,
    recommendations_for,
    similar_books,
)
from recommender.training import run_training

pytestmark = pytest.mark.django_db


def titles(found) -> list[str]:
    return [item.book.title for item in found.items]


@pytest.fixture
def bob(trained):
    """A reader with three ratings, all for dragons."""
    bob = UserFactory(username="bob")
    for book in trained["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    return bob


def test_a_reader_of_dragons_gets_dragons_and_is_told_why(trained, bob) -> None:
    found = recommendations_for(bob, k=5)
    assert found.basis == "ratings"
    assert [item.rank for item in found.items] == [1, 2, 3, 4, 5]
    assert all(title.startswith("Dragon") for title in titles(found))
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)
    rated = {book.pk for book in trained["Dragon"][:3]}
    for item in found.items:
        assert item.reasons
        assert {reason.book.pk for reason in item.reasons} <= rated
        assert all(0 < reason.share <= 1 for reason in item.reasons)
        assert item.reasons[0].text == f"because you gave {item.reasons[0].book.title} 5 stars"


def test_a_book_that_was_disliked_is_no_reason(trained, bob) -> None:
    for book in trained["Dragon"][3:5]:
        rate_book(user=bob, book=book, stars=2)
    found = recommendations_for(bob, k=5)
    assert all(reason.stars == 5 for item in found.items for reason in item.reasons)
    assert all(item.reasons for item in found.items)


def test_a_rating_changes_the_next_list(trained, bob) -> None:
    before = recommendations_for(bob, k=5)
    rate_book(user=bob, book=before.items[0].book, stars=5)
    after = recommendations_for(bob, k=5)
    assert before.items[0].book not in [item.book for item in after.items]
    remove_rating(user=bob, book=before.items[0].book)
    assert titles(recommendations_for(bob, k=5)) == titles(before)


def test_rated_shelved_and_hidden_books_are_never_shown(trained, bob) -> None:
    first, second, third = (item.book for item in recommendations_for(bob, k=3).items)
    shelve_book(user=bob, book=first)
    second.is_hidden = True
    second.save()
    shown = {item.book.pk for item in recommendations_for(bob, k=100).items}
    assert third.pk in shown
    assert not shown & {first.pk, second.pk, *(book.pk for book in trained["Dragon"][:3])}


def test_a_list_is_never_padded(trained, bob) -> None:
    assert len(recommendations_for(bob, k=100).items) == 24 - 3


def test_a_book_deleted_since_the_fit_leaves_no_gap(trained, bob) -> None:
    before = recommendations_for(bob, k=5)
    before.items[1].book.delete()
    after = recommendations_for(bob, k=5)
    assert len(after.items) == 5
    assert before.items[1].book.title not in titles(after)


def test_a_book_newer_than_the_model_can_be_rated(trained, bob) -> None:
    rate_book(user=bob, book=BookFactory(title="Brand new"), stars=5)
    found = recommendations_for(bob, k=5)
    assert len(found.items) == 5


def test_a_reader_without_ratings_gets_popular_books(trained) -> None:
    charlie = UserFactory(username="charlie")
    found = recommendations_for(charlie, k=6)
    assert found.basis == "popular"
    assert len(found.items) == 6
    assert all(item.reasons == [] for item in found.items)


def test_dislikes_alone_do_not_choose_books(trained) -> None:
    charlie = UserFactory(username="charlie")
    rate_book(user=charlie, book=trained["Dragon"][0], stars=1)
    found = recommendations_for(charlie, k=10)
    assert found.basis == "popular"
    assert trained["Dragon"][0].title not in titles(found)


def test_a_series_begins_with_its_next_volume_in_the_best_ones_place(two_tastes, artifacts) -> None:
    """The scores that a list shows descend, though the volume shown has another."""
    series = Series.objects.create(name="The Dragon Cycle")
    for number, book in enumerate(two_tastes["Dragon"][3:9], start=1):
        Volume.objects.create(book=book, series=series, number=number, label=str(number))
    run_training(trigger="test")
    bob = UserFactory(username="bob")
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    found = recommendations_for(bob, k=10)
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)
    shown = [item.book for item in found.items if item.book in two_tastes["Dragon"][3:9]]
    assert shown == two_tastes["Dragon"][3:4]


def test_a_series_goes_on_after_a_hidden_volume(two_tastes, artifacts) -> None:
    series = Series.objects.create(name="The Dragon Cycle")
    first, second = two_tastes["Dragon"][3:5]
    for number, book in ((1, first), (2, second)):
        Volume.objects.create(book=book, series=series, number=number, label=str(number))
    run_training(trigger="test")
    bob = UserFactory(username="bob")
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    assert first in [item.book for item in recommendations_for(bob, k=20).items]
    first.is_hidden = True
    first.save()
    shown = [item.book for item in recommendations_for(bob, k=20).items]
    assert first not in shown
    assert second in shown


def test_a_shelf_alone_is_no_taste(trained) -> None:
    charlie = UserFactory(username="charlie")
    shelve_book(user=charlie, book=trained["Dragon"][0])
    found = recommendations_for(charlie, k=5)
    assert found.basis == "popular"
    assert trained["Dragon"][0].title not in titles(found)


def test_few_ratings_are_filled_up_with_popular_books(trained, artifacts) -> None:
    charlie = UserFactory(username="charlie")
    rate_book(user=charlie, book=trained["Dragon"][0], stars=5)
    found = recommendations_for(charlie, k=23)
    assert len({item.book for item in found.items}) == 23
    explained = [bool(item.reasons) for item in found.items]
    assert explained == sorted(explained, reverse=True)
    assert {item.score for item in found.items if not item.reasons} == {0.0}


def test_similar_books_are_of_the_same_taste(trained) -> None:
    found = similar_books(trained["Detective"][0], k=4)
    assert len(found) == 4
    assert all(book.title.startswith("Detective") for book in found)
    assert similar_books(BookFactory(), k=4) == []


def test_without_a_model_the_catalogue_is_shown_by_popularity(artifacts) -> None:
    little, much = BookFactory(ratings_count=1), BookFactory(ratings_count=9)
    BookFactory(ratings_count=100, is_hidden=True)
    found = recommendations_for(UserFactory(), k=10)
    assert (found.basis, found.run_id) == ("popular", None)
    assert [item.book for item in found.items] == [much, little]
    assert popular_books(1) == [much]
    assert similar_books(much) == []
    assert model_state() == "missing"


def test_a_list_costs_few_queries(trained, bob, django_assert_max_num_queries) -> None:
    recommendations_for(bob, k=10)
    with django_assert_max_num_queries(9):
        recommendations_for(bob, k=10)


def test_filling_up_a_list_loads_its_cards_once(
    trained, bob, django_assert_max_num_queries
) -> None:
    recommendations_for(bob, k=1)  # the first one loads the model
    # Opinions, the active run, hidden books; those ranked, those filled up; authors, volumes.
    with django_assert_max_num_queries(7):
        found = recommendations_for(bob, k=15)
        for item in found.items:
            [authorship.author.name for authorship in item.book.authorships.all()]
            [volume.series.name for volume in item.book.volumes.all()]
    assert len(found.items) == 15
    assert {bool(item.reasons) for item in found.items} == {True, False}


def test_a_broken_artifact_leaves_the_old_one_serving(trained, bob, artifacts, caplog) -> None:
    before = titles(recommendations_for(bob, k=5))
    served = TrainingRun.objects.get(status="active")
    TrainingRun.objects.update(status="retired")
    broken = TrainingRun.objects.create(trigger="test", status="active", artifact="run-broken")
    assert titles(recommendations_for(bob, k=5)) == before
    holder.settle()
    assert recommendations_for(bob, k=5).run_id == served.pk
    assert model_state() == "stale"
    assert f"run {broken.pk} cannot be served" in caplog.text


def test_a_flipped_byte_is_noticed_before_serving(trained, bob, artifacts) -> None:
    folder = artifacts / TrainingRun.objects.get(status="active").artifact
    file = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
    holder.forget()
    assert recommendations_for(bob, k=5).basis == "popular"
    assert model_state() == "stale"


def test_when_the_popular_books_are_hidden_others_are_shown(trained) -> None:
    charlie = UserFactory(username="charlie")
    hidden = [item.book.pk for item in recommendations_for(charlie, k=20).items]
    Book.objects.filter(pk__in=hidden).update(is_hidden=True)
    left = {item.book.pk for item in recommendations_for(charlie, k=10).items}
    assert left == set(Book.objects.filter(is_hidden=False).values_list("pk", flat=True))


def test_books_of_another_catalogue_are_shown_until_a_model_is_trained(trained) -> None:
    """Real data has replaced the built-in set, whose model is still the active one."""
    Book.objects.all().delete()
    fresh = BookFactory(ratings_count=5)
    assert popular_books(3) == [fresh]
    assert [item.book for item in recommendations_for(UserFactory(), k=3).items] == [fresh]


def test_a_pointer_moved_back_is_no_longer_stale(trained, bob) -> None:
    recommendations_for(bob)
    served = TrainingRun.objects.get(status="active")
    TrainingRun.objects.filter(pk=served.pk).update(status="retired")
    broken = TrainingRun.objects.create(trigger="test", status="active", artifact="run-broken")
    recommendations_for(bob)
    holder.settle()
    assert model_state() == "stale"
    broken.delete()
    assert model_state() == "missing"
    TrainingRun.objects.filter(pk=served.pk).update(status="active")
    assert model_state() == "ok"
