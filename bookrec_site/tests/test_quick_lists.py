"""The administration's lists on tables that are too long to be counted."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.paginator import EmptyPage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import ImportedReaderFactory, UserFactory
from bookrec_site import quick_lists
from bookrec_site.quick_lists import QuickPaginator
from bookrec_site.roles import ROLES
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from ratings.services import dismiss_book, mark_read, rate_book, shelve_book
from ratings.tests.factories import RatingFactory, ShelfEntryFactory

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def administrator() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def many() -> None:
    """More rows of some tables than are counted."""
    for n in range(6):
        RatingFactory(book=BookFactory(), stars=n % 5 + 1)
        ShelfEntryFactory()


@pytest.fixture
def counts_to_three(monkeypatch) -> None:
    monkeypatch.setattr(quick_lists, "COUNTED", 3)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_list_counts_a_table(model, administrator, many):
    """However it is registered, and by whichever library."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    # A second time: the first fills caches, of content types for one.
    administrator.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert administrator.get(address).status_code == 200
    assert len(queries) <= 12
    for query in queries:
        if match := re.search(r"COUNT\((?:\*|DISTINCT)", query["sql"]):
            assert "LIMIT" in query["sql"] or "GROUP BY" in query["sql"], match.string


@pytest.mark.parametrize("model", [Rating, User])
def test_the_choices_of_filters_are_not_counted(model, administrator, many):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    with CaptureQueriesContext(connection) as queries:
        html = administrator.get(address, {"_facets": "True"}).content.decode()
    assert 'id="changelist-filter"' in html
    assert "Hide counts" not in html
    assert not [query["sql"] for query in queries if "FILTER (WHERE" in query["sql"]]


def test_few_rows_are_counted_exactly(many):
    assert str(QuickPaginator(Rating.objects.order_by("id"), 2).count) == "6"
    assert QuickPaginator(Rating.objects.order_by("id"), 2).num_pages == 3
    assert QuickPaginator(Rating.objects.none(), 2).num_pages == 1


def test_many_rows_are_estimated_and_pages_end(many, counts_to_three):
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ratings_rating")
    pages = QuickPaginator(Rating.objects.order_by("id"), 2)
    assert int(pages.count) == 6
    assert str(pages.count) == "about 6"
    assert pages.num_pages == 2
    with pytest.raises(EmptyPage):
        pages.page(3)


def test_many_rows_that_were_filtered_are_counted_so_far(many, counts_to_three):
    pages = QuickPaginator(Rating.objects.filter(stars__gte=1).order_by("id"), 2)
    assert str(pages.count) == "more than 3"
    few = QuickPaginator(Rating.objects.filter(stars=1).order_by("id"), 2)
    assert str(few.count) == "2"


def test_the_page_says_that_the_number_is_no_exact_one(administrator, many, counts_to_three):
    page = administrator.get(reverse("admin:ratings_rating_changelist"))
    assert re.search(r"about \d+ ratings|more than 3 ratings", page.content.decode())


OPINIONS = {
    "rating": lambda user, book: rate_book(user=user, book=book, stars=4),
    "shelfentry": lambda user, book: shelve_book(user=user, book=book),
    "reading": lambda user, book: mark_read(user=user, book=book),
    "dismissal": lambda user, book: dismiss_book(user=user, book=book),
}


@pytest.mark.parametrize("model", OPINIONS)
def test_opinions_are_found_by_a_reader_or_a_book(administrator, model):
    readers = [UserFactory(), UserFactory(username="9000"), UserFactory(), UserFactory()]
    books = BookFactory.create_batch(4)
    for reader, book in zip(readers, books, strict=True):
        said = OPINIONS[model](reader, book)
    address = reverse(f"admin:ratings_{model}_changelist")
    for term, wanted in (
        (said.user.username.upper(), [said]),
        (f" {said.book_id} ", [said]),
        ("9000", [type(said).objects.get(user=readers[1])]),
        ("nobody", []),
        ("9" * 30, []),
    ):
        with CaptureQueriesContext(connection) as queries:
            page = administrator.get(address, {"q": term})
        assert [*page.context["cl"].queryset] == wanted
        assert len(queries) <= 9
        # A name is looked up before, and never together with a book over a join.
        assert not [q["sql"] for q in queries if "UPPER" in q["sql"]]


@pytest.mark.parametrize("model", OPINIONS)
def test_a_list_of_opinions_asks_as_much_for_two_as_for_many_and_is_looked_at_only(
    administrator, model
):
    counts = []
    address = reverse(f"admin:ratings_{model}_changelist")
    for _ in range(3):
        # The first fills caches.
        for _ in range(2):
            said = OPINIONS[model](UserFactory(), BookFactory())
        with CaptureQueriesContext(connection) as queries:
            html = administrator.get(address).content.decode()
        assert said.user.username in html
        counts.append(len(queries))
    assert counts[1] == counts[2]
    one = reverse(f"admin:ratings_{model}_change", args=[said.pk])
    assert administrator.get(one).status_code == 200
    assert administrator.post(one, {}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [said.pk], "post": "yes"}
    administrator.post(address, chosen)
    for name, keys in (("add", []), ("delete", [said.pk])):
        address = reverse(f"admin:ratings_{model}_{name}", args=keys)
        assert administrator.get(address).status_code == 403
        assert administrator.post(address, {"post": "yes"}).status_code == 403
    assert type(said).objects.count() == 6


@pytest.mark.parametrize("model", OPINIONS)
def test_nobody_but_an_administrator_lists_opinions(model):
    """Neither do the groups that look after the site: docs/roles.md."""
    address = reverse(f"admin:ratings_{model}_changelist")
    assert Client().get(address).status_code == 302
    for role in ROLES:
        client = Client()
        staff = UserFactory(is_staff=True)
        staff.groups.add(Group.objects.get(name=role))
        client.force_login(staff)
        assert client.get(address).status_code == 403


@pytest.mark.parametrize(
    ("query", "n_rows"), [("stars=1", 2), ("stars=9", 6), ("readers=site", 5), ("stars=5", 1)]
)
def test_ratings_are_filtered(administrator, many, query, n_rows):
    Rating.objects.filter(pk=Rating.objects.earliest("pk").pk).update(user=ImportedReaderFactory())
    page = administrator.get(f"{reverse('admin:ratings_rating_changelist')}?{query}")
    assert page.context["cl"].queryset.count() == n_rows


def test_readers_are_found_by_name_and_address(administrator):
    reader = UserFactory(username="ada", email="lovelace@example.org")
    for term in ("ada", "lovelace@", "LOVELACE"):
        page = administrator.get(reverse("admin:accounts_user_changelist"), {"q": term})
        assert [*page.context["cl"].queryset] == [reader]
    assert User.objects.count() > 1


@pytest.mark.parametrize("query", ["source__exact=%00", "q=a%00b", "p=1&p=%00"])
def test_a_null_character_in_an_address_is_no_error_of_the_site(administrator, query):
    address = f"{reverse('admin:accounts_user_changelist')}?{query}"
    assert administrator.get(address).status_code == 400


@pytest.mark.parametrize("key", ["abc", "-1", "", "٣"])
def test_a_chosen_row_has_a_number(administrator, key):
    sent = {"action": "delete_selected", "_selected_action": [key]}
    assert administrator.post(reverse("admin:auth_group_changelist"), sent).status_code == 400


def test_only_who_may_see_a_page_is_told_what_is_wrong_with_the_address():
    answer = Client().get(f"{reverse('admin:accounts_user_changelist')}?source__exact=%00")
    assert answer.status_code == 302
