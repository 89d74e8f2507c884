"""The queue in the admin: who sees what, what is done, who is told to have done it."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import issue_token
from accounts.tests.factories import PASSWORD, UserFactory
from catalog.models import Book, CurationChange
from catalog.tests.factories import BookFactory
from moderation.errors import CannotDecide
from moderation.models import Report
from moderation.services import act_on, report

pytestmark = pytest.mark.django_db

QUEUE = "admin:moderation_report_changelist"


def of_group(name: str) -> User:
    user = UserFactory(username=f"the-{name}", is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def moderator() -> User:
    return of_group("moderator")


@pytest.fixture
def curator() -> User:
    return of_group("curator")


@pytest.fixture
def alice() -> User:
    return UserFactory(username="alice", profile_is_public=True, ratings_are_public=True)


@pytest.fixture
def of_book() -> Report:
    book = BookFactory(title="Dune")
    made, _ = (
        report(reporter=UserFactory(), of=book, reason="wrong", text=text)
        for text in ("The year.", "The author.")
    )
    return made


@pytest.fixture
def of_alice(alice) -> Report:
    return report(reporter=UserFactory(username="bob"), of=alice, reason="spam", text="Buy!")


def decide(user: User, made: Report, action: str):
    address = reverse("admin:moderation_report_decide", args=[made.pk])
    return client_of(user).post(address, {"action": action})


def test_the_queue_shows_open_reports_with_counts_in_few_queries(
    moderator, of_book, of_alice, django_assert_max_num_queries
):
    for _ in range(10):
        report(reporter=UserFactory(), of=of_book.book, reason="wrong")
    client = client_of(moderator)
    with django_assert_max_num_queries(10):
        page = client.get(reverse(QUEUE)).content.decode()
    assert page.count("“Dune”") == 12
    assert '<td class="field-reports">12</td>' in page
    assert "profile of alice" in page
    assert "“Dune”" not in client.get(reverse(QUEUE), {"of": "profile"}).content.decode()
    assert "alice" not in client.get(reverse(QUEUE), {"q": "dune"}).content.decode()
    assert "Dune" not in client.get(reverse(QUEUE), {"status": "acted"}).content.decode()


def test_a_curator_sees_reports_of_books_alone(curator, of_book, of_alice):
    page = client_of(curator).get(reverse(QUEUE)).content.decode()
    assert "Dune" in page
    assert "alice" not in page
    address = reverse("admin:moderation_report_change", args=[of_alice.pk])
    assert client_of(curator).get(address).status_code == 302
    decide(curator, of_alice, "close_account")
    of_alice.profile.refresh_from_db()
    assert of_alice.profile.is_active


def test_a_curator_hides_a_reported_book_and_all_its_reports_are_closed(curator, of_book):
    ask = reverse("admin:moderation_report_decide", args=[of_book.pk]) + "?action=hide_book"
    page = client_of(curator).get(ask).content.decode()
    assert "2 open reports of it are closed by this" in page
    assert not Book.objects.get().is_hidden
    decide(curator, of_book, "hide_book")
    assert Book.objects.get().is_hidden
    assert CurationChange.objects.get().reason == f"report {of_book.pk}"
    for made in Report.objects.all():
        assert (made.status, made.action, made.decided_by) == ("acted", "hide_book", curator)
        assert made.decided_at is not None
    shown = client_of(curator).get(reverse(QUEUE), {"status": "acted"}).content.decode()
    assert "book hidden, by the-curator on" in shown


def test_a_moderator_hides_no_book(moderator, of_book):
    answer = decide(moderator, of_book, "hide_book")
    assert answer.status_code == 302
    assert not Book.objects.get().is_hidden
    assert Report.objects.filter(status="open").count() == 2


def test_a_moderator_makes_a_profile_private(moderator, alice, of_alice):
    decide(moderator, of_alice, "make_private")
    alice.refresh_from_db()
    assert (alice.profile_is_public, alice.ratings_are_public, alice.is_active) == (
        False,
        False,
        True,
    )
    assert Client().get("/readers/alice/").status_code == 404


def test_a_closed_account_is_logged_out_everywhere(moderator, alice, of_alice):
    client = Client()
    assert client.login(username="alice", password=PASSWORD)
    _, secret = issue_token(alice)
    decide(moderator, of_alice, "close_account")
    assert client.get("/my-books/")["Location"].startswith("/account/login/")
    headers = {"authorization": f"Token {secret}"}
    assert Client().get("/api/v1/ratings/", headers=headers).status_code == 401
    assert not Client().login(username="alice", password=PASSWORD)


@pytest.mark.parametrize("rank", ["is_staff", "is_superuser"])
def test_who_looks_after_the_site_is_left_to_administrators(moderator, alice, of_alice, rank):
    User.objects.filter(pk=alice.pk).update(**{rank: True})
    with pytest.raises(CannotDecide):
        act_on(report_id=of_alice.pk, action="close_account", by=moderator)
    alice.refresh_from_db()
    assert alice.is_active


def test_reports_are_dismissed_one_by_one_or_many_after_asking(moderator, of_book, of_alice):
    client = client_of(moderator)
    decide(moderator, of_alice, "dismiss")
    of_alice.refresh_from_db()
    assert (of_alice.status, of_alice.decided_by, of_alice.action) == ("dismissed", moderator, "")
    data = {
        "action": "dismiss_chosen",
        "_selected_action": list(Report.objects.values_list("pk", flat=True)),
    }
    asked = client.post(reverse(QUEUE), data).content.decode()
    assert "2 open reports of 1 book or profile would be closed" in asked
    assert Report.objects.filter(status="open").count() == 2
    told = client.post(reverse(QUEUE), data | {"confirmed": "yes"}, follow=True).content.decode()
    assert "2 reports dismissed" in told
    assert not Report.objects.filter(status="open").exists()


def test_what_is_decided_stays_so(moderator, curator, of_alice):
    decide(moderator, of_alice, "dismiss")
    told = client_of(moderator).post(
        reverse("admin:moderation_report_decide", args=[of_alice.pk]),
        {"action": "close_account"},
        follow=True,
    )
    assert "Somebody has decided on this report already" in told.content.decode()
    of_alice.profile.refresh_from_db()
    assert of_alice.profile.is_active


@pytest.mark.parametrize("who", ["operator", "reader"])
def test_nobody_else_gets_in(who, of_book):
    user = of_group(who) if who == "operator" else UserFactory()
    for address in (
        reverse(QUEUE),
        reverse("admin:moderation_report_change", args=[of_book.pk]),
        reverse("admin:moderation_report_decide", args=[of_book.pk]) + "?action=hide_book",
    ):
        answer = client_of(user).get(address)
        assert answer.status_code == (403 if who == "operator" else 302)
    assert decide(user, of_book, "hide_book").status_code in (302, 403)
    assert Report.objects.filter(status="open").count() == 2


def test_a_report_can_be_read_but_not_rewritten(moderator, of_alice):
    client = client_of(moderator)
    address = reverse("admin:moderation_report_change", args=[of_alice.pk])
    page = client.get(address).content.decode()
    for text in ("Buy!", "bob", "Make the profile private", "Close the account", "Dismiss this"):
        assert text in page
    assert client.post(address, {"text": "x"}).status_code == 403
    assert (
        client.post(reverse("admin:moderation_report_delete", args=[of_alice.pk])).status_code
        == 403
    )
