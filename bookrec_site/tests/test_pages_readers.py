"""Profiles and readers like oneself: who may see what."""

import re
from itertools import product

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import ImportedReaderFactory, UserFactory
from catalog.models import Book
from ratings.models import Rating
from ratings.services import dismiss_book, mark_read, shelve_book, write_note
from ratings.tests.factories import RatingFactory
from ratings.tests.readers import Readers, make_readers
from recommender.tests.conftest import artifacts  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
FLAGS = ("profile_is_public", "ratings_are_public", "shelves_are_public")


@pytest.fixture
def readers(db) -> Readers:
    found = make_readers()
    shelve_book(user=found.alice, book=found.books[20], shelf="Secret garden")
    write_note(user=found.alice, book=found.books[21], text="a private word")
    dismiss_book(user=found.alice, book=found.books[22])
    mark_read(user=found.alice, book=found.books[23])
    return found


def let_see(user: User, *flags: str) -> None:
    User.objects.filter(pk=user.pk).update(**{flag: flag in flags for flag in FLAGS})


def as_reader(user: User | None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


def profile(username: str = "alice") -> str:
    return reverse("public_profile", args=[username])


@pytest.mark.parametrize("flags", list(product([False, True], repeat=3)), ids=str)
@pytest.mark.parametrize("viewer", ["guest", "other", "curator", "owner"])
def test_everybody_sees_what_the_owner_lets_be_seen(readers, flags, viewer):
    is_public, with_ratings, with_shelves = flags
    let_see(readers.alice, *(flag for flag, on in zip(FLAGS, flags, strict=True) if on))
    curator = UserFactory(is_staff=True, is_superuser=True)
    people = {"guest": None, "other": readers.bob, "curator": curator, "owner": readers.alice}
    client = as_reader(people[viewer])
    page = client.get(profile())
    if viewer != "owner" and not is_public:
        assert page.status_code == 404
        return
    assert page.status_code == 200
    html = page.content.decode()
    sees_ratings, sees_shelves = is_public and with_ratings, is_public and with_shelves
    assert ("Volume 12<" in html) is sees_ratings
    assert ("Secret garden" in html) is sees_shelves
    assert ("as others see it" in html) is (viewer == "owner" and is_public)
    assert ("nobody but you sees" in html) is (viewer == "owner" and not is_public)
    for shelf, title in (("Secret garden", "Volume 21"), ("to_read", "Volume 13")):
        listed = client.get(profile(), {"shelf": shelf})
        assert listed.status_code == (200 if sees_shelves else 404)
        assert (title in listed.content.decode()) is sees_shelves
        # A shelf tells nothing of stars, nor do the ratings of shelves.
        assert "given-stars" not in listed.content.decode()
    for hidden in ("example.org", "a private word", "Volume 22<", "Volume 23<"):
        assert hidden not in html
    assert '<meta name="robots" content="noindex">' in html


def test_private_closed_and_unknown_accounts_are_answered_alike(readers):
    UserFactory(username="closed", is_active=False, profile_is_public=True)
    ImportedReaderFactory(username="goodbooks-77")
    answers = {
        re.sub("[A-Za-z0-9]{64}", "TOKEN", Client().get(profile(name)).content.decode()).replace(
            name, "NAME"
        )
        for name in ("alice", "closed", "nobody", "goodbooks-77")
    }
    assert len(answers) == 1
    for name in ("alice", "closed", "nobody", "a\0b", "x" * 5000, "%00", "like-me/x"):
        assert Client().get(f"/readers/{name}/").status_code == 404


def test_a_profile_is_found_in_any_case_and_private_again_at_once(readers):
    let_see(readers.alice, *FLAGS)
    assert Client().get(profile("ALICE")).status_code == 200
    let_see(readers.alice)
    assert Client().get(profile("ALICE")).status_code == 404


def test_private_stars_do_not_show_through_the_order(readers):
    """Shelves are public, stars are not: sorting by them changes nothing."""
    let_see(readers.alice, "profile_is_public", "shelves_are_public")
    for n, book in enumerate(readers.books[:6]):
        shelve_book(user=readers.alice, book=book, shelf="mixed")
        Rating.objects.filter(user=readers.alice, book=book).update(stars=n % 5 + 1)
    orders = {
        tuple(
            mark.book.pk
            for mark, _ in Client().get(profile(), {"shelf": "mixed", "sort": sort}).context["rows"]
        )
        for sort in ("recent", "best", "worst", "title")
    }
    assert len(orders) == 1


def test_the_viewers_own_stars_stand_beside(readers):
    let_see(readers.alice, *FLAGS)
    html = as_reader(readers.bob).get(profile()).content.decode()
    assert html.count("you gave 3") == 2
    assert "you gave" not in Client().get(profile()).content.decode()


def test_hidden_books_are_on_no_profile(readers):
    let_see(readers.alice, *FLAGS)
    Book.objects.filter(pk__in=[readers.books[0].pk, readers.books[20].pk]).update(is_hidden=True)
    page = Client().get(profile())
    assert page.context["n_ratings"] == 11
    assert "Secret garden" not in page.content.decode()


def test_a_readers_own_text_is_escaped(readers):
    let_see(readers.alice, *FLAGS)
    shelve_book(user=readers.alice, book=readers.books[20], shelf="<script>alert(1)</script>")
    assert "<script>alert" not in Client().get(profile()).content.decode()


@pytest.mark.parametrize("value", ["\0", "9" * 300, "-1", "٣", "'", "ﷺ"])
def test_odd_parameters_are_no_error(readers, value):
    let_see(readers.alice, *FLAGS)
    for name, status in (("page", 200), ("sort", 200), ("shelf", 404)):
        assert Client().get(profile(), {name: value}).status_code == status


def test_profiles_ask_few_queries(readers, django_assert_max_num_queries):
    let_see(readers.alice, *FLAGS)
    client = as_reader(readers.bob)
    client.get(profile())
    for address in (profile(), profile() + "?shelf=to_read"):
        with django_assert_max_num_queries(12):
            client.get(address)


def test_readers_of_a_data_set_have_a_page_each(readers):
    for source, address in (("goodbooks", "goodbooks"), ("simulated", "simulated")):
        user = ImportedReaderFactory(source=source, external_id=4711, username=f"{source}-4711")
        for book in readers.books[:6]:
            RatingFactory(user=user, book=book, stars=5, created_at=None, updated_at=None)
        page = Client().get(f"/readers/{address}/4711/")
        assert page.status_code == 200
        assert page.context["n_ratings"] == 6
        assert "4711" in page.content.decode()
        assert user.username not in page.content.decode()


@pytest.mark.parametrize(
    "address",
    ["goodbooks/1", "goodbooks/0", f"goodbooks/{10**30}", "site/1", "x/1", "goodbooks/-1"],
)
def test_unknown_readers_of_data_sets_are_not_found(readers, address):
    assert Client().get(f"/readers/{address}/").status_code == 404


def test_only_reading_is_allowed(readers):
    let_see(readers.alice, *FLAGS)
    for address in (profile(), reverse("readers_like_me"), "/readers/goodbooks/1/"):
        assert as_reader(readers.bob).post(address).status_code == 405


def test_readers_like_me_asks_to_log_in_and_says_when_there_is_no_model(
    readers,
    artifacts,  # noqa: F811
):
    address = reverse("readers_like_me")
    assert Client().get(address)["Location"] == f"/account/login/?next={address}"
    page = as_reader(readers.alice).get(address)
    assert "Not ready yet" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
