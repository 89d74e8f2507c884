"""The model console: two runs compared, and a list through a reader's eyes."""

import weakref
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory, staff
from catalog.tests.factories import BookFactory
from ratings.services import rate_book
from recommender import artifact_store
from recommender.active import ActiveModel, load_model
from recommender.console.comparing import lists_beside
from recommender.console.looking import look_as, look_with
from recommender.feedback.rollup import roll_up
from recommender.models import TrainingRun
from recommender.serving import recommendations_for
from recommender.tests.feedback.lists import event
from recommender.training import run_training

pytestmark = pytest.mark.django_db

COMPARE, LOOK = "admin:recommender_compare_runs", "admin:recommender_look"
ONLINE = "admin:recommender_online"


@pytest.fixture
def alice(trained) -> User:
    """Likes dragons."""
    user = UserFactory(username="alice", email="alice@example.org")
    for book in trained["Dragon"][:4]:
        rate_book(user=user, book=book, stars=5)
    rate_book(user=user, book=trained["Detective"][0], stars=1)
    return user


@pytest.fixture
def charlie(db) -> User:
    return UserFactory(username="charlie")


def log_in_olive(client, *permissions: str) -> User:
    user = staff(*permissions, username="olive")
    client.force_login(user)
    return user


@pytest.mark.parametrize(
    ("permissions", "name", "status"),
    [
        ((), COMPARE, 403),
        (("view_trainingrun",), COMPARE, 200),
        ((), ONLINE, 403),
        (("view_trainingrun",), ONLINE, 200),
        (("view_trainingrun", "change_trainingrun"), LOOK, 403),
        (("look_as_reader",), LOOK, 200),
    ],
)
def test_each_page_has_its_permission(client, permissions, name, status) -> None:
    log_in_olive(client, *permissions)
    assert client.get(reverse(name)).status_code == status


def test_readers_and_strangers_are_sent_away(client, alice) -> None:
    for name in (COMPARE, LOOK, ONLINE):
        assert client.get(reverse(name)).status_code == 302
    client.force_login(alice)
    for name in (COMPARE, LOOK, ONLINE):
        assert client.get(reverse(name)).status_code == 302


def test_a_look_shows_the_very_list_that_the_reader_gets(alice) -> None:
    look = look_as(alice)
    listed = recommendations_for(alice)
    assert [item.book.pk for item in look.found.items] == [item.book.pk for item in listed.items]
    assert look.found.n_filled_up == sum(not item.contributions for item in look.found.items)
    told = {step.question: step.answer for step in look.steps}
    assert told["Does the run know the rated books?"].startswith("5 of 5 rated and 0 of 0 wanted")
    assert told["Did the reader like any of them (3 stars or more)?"].startswith("4 of them")
    assert told["Was the list filled up?"] == (
        f"{len(listed.items) - look.found.n_filled_up} places were earned by the ratings, "
        f"{look.found.n_filled_up} are popular books."
    )


def test_the_ladder_says_where_it_ended(trained, charlie, artifacts) -> None:
    look = look_as(charlie)
    assert look.found.basis == "popular"
    assert "None: the list is of popular books." in [step.answer for step in look.steps]
    charlie.wants_recommendations = False
    charlie.save()
    assert [step.answer for step in look_as(charlie).steps] == ["No: there is no list anywhere."]
    TrainingRun.objects.update(status="retired")
    assert "None that this process can serve" in look_with(look.opinions).steps[0].answer


def test_the_page_looks_as_a_reader_and_leaves_a_line_in_the_log(client, alice, caplog) -> None:
    olive = log_in_olive(client, "look_as_reader")
    with caplog.at_level("INFO", logger="recommender.console"):
        html = client.get(reverse(LOOK), {"reader": "ALICE@example.org"}).content.decode()
    for item in recommendations_for(alice).items:
        assert item.book.title in html
    assert "Dragon" in html
    assert f"{olive.pk} looked through the eyes of readers [{alice.pk}]" in caplog.text


def test_stars_of_nobody_are_looked_at_by_title_and_id(client, trained) -> None:
    log_in_olive(client, "look_as_reader")
    first, second = trained["Dragon"][:2]
    text = f"{first.title} = 5\n{second.pk}=4\n"
    response = client.get(reverse(LOOK), {"stars": text})
    assert response.status_code == 200
    look = response.context["look"]
    assert look.opinions.stars == {first.pk: 5, second.pk: 4}
    assert "Dragon" in look.found.items[0].book.title


def test_stars_of_two_hundred_books_fit_into_what_the_form_sends(client, trained) -> None:
    """An address has 4,094 characters for gunicorn."""
    log_in_olive(client, "look_as_reader")
    assert '<form method="post" class="console">' in client.get(reverse(LOOK)).content.decode()
    title = trained["Dragon"][0].title
    response = client.post(reverse(LOOK), {"stars": f"{title} = 5\n" * 200})
    assert response.status_code == 200
    assert response.context["look"].opinions.stars == {trained["Dragon"][0].pk: 5}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"reader": "nobody"}, "There is no reader “nobody”."),
        ({"stars": "Dune"}, "is no book with stars"),
        ({"stars": "No Such Book At All = 5"}, "There is no book “No Such Book At All”."),
        ({"stars": "999999999999999999999 = 5"}, "There is no book"),
        ({"reader": "", "stars": ""}, "Name a reader, or give stars"),
        ({"reader": "\x00"}, "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_looked_at_is_said(client, alice, query, told) -> None:
    log_in_olive(client, "look_as_reader")
    response = client.post(reverse(LOOK), query)
    assert response.status_code == 400
    assert told in response.content.decode()


def test_two_runs_are_compared_by_figures_and_lists(client, measured_tastes, artifacts) -> None:
    reader = UserFactory(username="bob")
    for book in measured_tastes["Detective"][:3]:
        rate_book(user=reader, book=book, stars=5)
    first, second = run_training(trigger="test"), run_training(trigger="test")
    log_in_olive(client, "view_trainingrun", "look_as_reader")
    query = {"first": first.pk, "second": second.pk, "readers": "bob"}
    response = client.get(reverse(COMPARE), query)
    html = response.content.decode()
    for run in (first, second):
        assert f"{run.metrics['two_stage']['ndcg_at_10']:.4f} (" in html
        assert f"{run.metrics['two_stage']['novelty_at_10']:.2f}" in html
    assert "NDCG@10 with 1 rating known" in html
    assert "not measured on the same readers" not in html
    [row] = response.context["lists"]
    assert (row.first.run_id, row.second.run_id) == (first.pk, second.pk)
    served = [item.book.pk for item in recommendations_for(reader).items]
    assert [item.book.pk for item in row.second.items] == served
    assert row.in_both == {item.book.pk for item in row.first.items} & set(served)


def test_who_may_not_look_compares_figures_alone(client, measured_tastes, artifacts) -> None:
    UserFactory(username="bob")
    run = run_training(trigger="test")
    log_in_olive(client, "view_trainingrun")
    query = {"first": run.pk, "second": run.pk, "readers": "bob"}
    assert "lists" not in client.get(reverse(COMPARE), query).context


def test_a_run_without_its_files_has_no_lists(client, measured_tastes, artifacts) -> None:
    UserFactory(username="bob")
    first, second = run_training(trigger="test"), run_training(trigger="test")
    artifact_store.delete(first.artifact)
    log_in_olive(client, "view_trainingrun", "look_as_reader")
    query = {"first": first.pk, "second": second.pk, "readers": "bob"}
    response = client.get(reverse(COMPARE), query)
    assert response.status_code == 400
    assert f"Run {first.pk} cannot be served" in response.content.decode()


def test_comparing_keeps_the_served_model(trained, alice) -> None:
    active = TrainingRun.objects.get(status="active")
    newer = run_training(trigger="test")
    [row] = lists_beside(active, newer, [alice])
    assert row.first.run_id == active.pk
    assert recommendations_for(alice).run_id == newer.pk


def test_comparing_leaves_no_other_run_in_memory(trained, alice, monkeypatch) -> None:
    """Where it would stay, a web process would hold more than it may."""
    first = TrainingRun.objects.get(status="active")
    second = run_training(trigger="test")
    recommendations_for(alice)
    loaded: list[weakref.ref] = []

    def noted(run_id: int, artifact: str) -> ActiveModel:
        model = load_model(run_id, artifact)
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr("recommender.console.comparing.load_model", noted)
    rows = lists_beside(first, second, [alice])
    assert [row.first.run_id for row in rows] == [first.pk]
    # The one that is served was there; the other is gone, though its lists are still held.
    assert [model() for model in loaded] == [None]


def test_newcomers_are_measured_with_few_ratings(measured_tastes, artifacts) -> None:
    run = run_training(trigger="test")
    curve = run.metrics["two_stage"]["cold_start"]
    # Nine ratings each, of which two are to be found.
    assert [point["n_ratings"] for point in curve] == [1, 3, 5]
    assert all(point["n_users"] == run.metrics["two_stage"]["n_users"] for point in curve)
    popularity = run.metrics["popularity"]["ndcg_at_10"]
    # Two tastes: one liked book tells them apart.
    assert all(point["ndcg_at_10"] > popularity for point in curve)


def test_what_readers_did_is_shown_by_run_and_surface(
    client, db, nothing_served, monkeypatch
) -> None:
    log_in_olive(client, "view_trainingrun")
    now = timezone.now()
    today = now.date()
    # The page's day is this one too, even where the test runs over midnight.
    monkeypatch.setattr(timezone, "now", lambda: now)
    books = BookFactory.create_batch(4)
    for book in books:
        event(1, book, day=today)
    event(1, books[0], "clicked", day=today)
    event(2, books[0], day=today - timedelta(days=1), run_id=8, surface="home")
    event(3, books[0], day=today - timedelta(days=40), run_id=6)
    for day in (0, 1, 40):
        roll_up(today - timedelta(days=day))
    page = client.get(reverse(ONLINE)).context["page"]
    assert [(row.run_id, row.surface.value) for row in page.rows] == [(7, "list"), (8, "home")]
    assert page.rows[0].click_through_rate == 1 / 4
    html = client.get(reverse(ONLINE)).content.decode()
    assert "25 % (1)" in html
    assert 'aria-label="Click-through rate by run: run 8: 26 0.0000; run 7: 27 0.2500"' in html
    longer = client.get(reverse(ONLINE), {"days": "90"}).context["page"]
    assert [row.run_id for row in longer.rows] == [6, 7, 8]
    # What is no period is the usual one.
    assert client.get(reverse(ONLINE), {"days": "-1"}).context["chosen"] == 28
