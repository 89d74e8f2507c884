"""What the charts show, against sums worked by hand."""

from datetime import UTC, date, datetime, timedelta, tzinfo

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from redis import Redis

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.tests.api_doors import at_most_queries
from recommender.feedback import rollup, served
from recommender.feedback.rollup import OPEN_DAYS, forget_events, roll_up, roll_up_open_days
from recommender.feedback.served import serve_list
from recommender.models import FeedbackDay, FeedbackEvent, Surface
from recommender.online import online_figures
from recommender.tests.feedback.lists import event

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_served", "wednesday")]

MONDAY = date(2026, 3, 2)
TUESDAY = MONDAY + timedelta(days=1)
TODAY = MONDAY + timedelta(days=2)


class _OnWednesday(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        assert tz is UTC
        return datetime(TODAY.year, TODAY.month, TODAY.day, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def wednesday(monkeypatch):
    """What is counted falls on one day, even where a test runs over midnight."""
    for module in (served, rollup):
        monkeypatch.setattr(module, "datetime", _OnWednesday)


@pytest.fixture
def books():
    return BookFactory.create_batch(8)


@pytest.fixture
def monday(books):
    """Two lists of run 7 on the page of the list, one on the home page, one of run 8.

    List 1: books 0, 1, 2 seen, 0 and 1 clicked, 1 rated 5, 2 rated 3.
    List 2: books 0, 3 seen, nothing done. Book 4 of it was rated 4 without having been seen.
    """
    for book in books[:3]:
        event(1, book, day=MONDAY)
    event(1, books[0], "clicked", day=MONDAY)
    event(1, books[1], "clicked", day=MONDAY)
    event(1, books[1], "rated", stars=5, day=MONDAY)
    event(1, books[2], "rated", stars=3, day=MONDAY)
    for book in (books[0], books[3]):
        event(2, book, day=MONDAY)
    event(2, books[4], "rated", stars=4, day=MONDAY)
    event(3, books[5], day=MONDAY, surface="home")
    event(4, books[0], day=MONDAY, run_id=8)
    event(4, books[0], "clicked", day=MONDAY, run_id=8)
    roll_up(MONDAY)


def test_the_figures_of_a_run_and_surface_are_those_worked_by_hand(books, monday) -> None:
    seven_home, seven_list, eight = online_figures(MONDAY, MONDAY)
    assert (seven_list.run_id, seven_list.surface, seven_list.day) == (7, Surface.LIST, None)
    assert seven_list.lists_shown == 2
    assert (seven_list.shown, seven_list.clicked) == (5, 2)
    assert (seven_list.rated, seven_list.liked) == (3, 2)
    assert (seven_list.shown_clicked, seven_list.shown_liked) == (2, 1)
    assert seven_list.click_through_rate == 2 / 5
    # Book 4 was not seen, as far as anybody said.
    assert seven_list.positive_rate == 1 / 5
    # Books 0, 1, 2, 3 of eight.
    assert (seven_list.books_shown, seven_list.books_visible) == (4, 8)
    assert seven_list.coverage == 4 / 8
    assert (seven_home.surface, seven_home.shown, seven_home.coverage) == ("home", 1, 1 / 8)
    assert (eight.run_id, eight.click_through_rate) == (8, 1.0)
    # None of them was counted by the server.
    assert seven_list.empty_share is None
    assert seven_list.fallback_share is None


def test_coverage_is_of_different_books_that_readers_can_find(books, monday) -> None:
    event(9, books[0], day=TUESDAY)
    event(9, books[6], day=TUESDAY)
    roll_up(TUESDAY)
    [all_of_it] = online_figures(MONDAY, TUESDAY, by=())
    # 0, 1, 2, 3, 5 on Monday, 0 and 6 on Tuesday.
    assert (all_of_it.books_shown, all_of_it.coverage) == (6, 6 / 8)
    books[6].is_hidden = True
    books[6].save()
    [all_of_it] = online_figures(MONDAY, TUESDAY, by=())
    assert (all_of_it.books_shown, all_of_it.coverage) == (5, 5 / 7)


def test_each_grouping_adds_up_to_the_same(books, monday) -> None:
    event(9, books[0], day=TUESDAY, run_id=None, basis="popular")
    roll_up(TUESDAY)
    for by in ((), ("day",), ("run",), ("surface", "basis"), ("day", "run", "surface")):
        figures = online_figures(MONDAY, TUESDAY, by=by)
        assert sum(one.shown for one in figures) == 8, by
        assert sum(one.lists_shown for one in figures) == 5, by
    by_day = online_figures(MONDAY, TUESDAY, by=("day",))
    assert [one.day for one in by_day] == [MONDAY, TUESDAY]
    assert [one.run_id for one in online_figures(MONDAY, TUESDAY, by=("run",))] == [None, 7, 8]
    [of_home] = online_figures(MONDAY, TUESDAY, surface="home")
    assert of_home.shown == 1
    [of_eight] = online_figures(MONDAY, TUESDAY, by=("run",), run_id=8)
    assert (of_eight.shown, of_eight.books_shown) == (1, 1)
    assert online_figures(TUESDAY, MONDAY) == online_figures(TUESDAY, MONDAY, by=()) == []


def test_the_figures_cost_three_queries(monday) -> None:
    for by in ((), ("day", "run", "surface", "basis")):
        with at_most_queries(3):
            online_figures(MONDAY, TUESDAY, by=by)


def serve(n: int, *, books=(1, 2), surface=Surface.LIST, basis="ratings", run_id=7) -> None:
    for _ in range(n):
        serve_list(
            surface=surface, basis=basis, run_id=run_id, k=10, books=list(books), reader=None
        )


def test_lists_without_books_and_fallbacks_are_counted_where_they_are_made() -> None:
    serve(5)
    serve(2, books=())
    serve(3, basis="popular")
    serve(4, basis="popular", run_id=None)
    # What is popular is what guests are meant to see there.
    serve(6, basis="popular", surface=Surface.HOME_GUEST)
    assert serve_list(
        surface=Surface.LIST, basis="off", run_id=None, k=10, books=[], reader=None
    ) == ""  # fmt: skip
    roll_up(TODAY)
    by_surface = {one.surface: one for one in online_figures(TODAY, TODAY, by=("surface",))}
    of_list = by_surface[Surface.LIST]
    assert (of_list.lists_served, of_list.lists_empty, of_list.lists_fallback) == (14, 2, 7)
    assert of_list.empty_share == 2 / 14
    assert of_list.fallback_share == 7 / 14
    assert by_surface[Surface.HOME_GUEST].lists_fallback == 0
    assert of_list.click_through_rate is None
    by_run = {one.run_id: one.lists_served for one in online_figures(TODAY, TODAY, by=("run",))}
    assert by_run == {None: 4, 7: 16}


def test_what_is_counted_is_forgotten_and_counting_and_that_are_one_step(monkeypatch) -> None:
    steps: list[object] = []
    execute = Redis.execute_command

    def told(redis, *command, **options):
        steps.append(command[0])
        return execute(redis, *command, **options)

    with Redis.from_url(settings.REDIS_URL) as redis:
        monkeypatch.setattr(Redis, "execute_command", told)
        for n in (1, 2):
            serve(1)
            assert steps == ["EVAL"]
            steps.clear()
            assert served.served_on(TODAY) == {served.Served(7, Surface.LIST, "ratings", False): n}
            steps.clear()
        monkeypatch.undo()
        left = redis.ttl(served._key(TODAY))
    assert 0 < left <= served.KEPT_FOR.total_seconds()


def test_sums_are_the_same_however_often_they_are_made(books) -> None:
    serve(3)
    event(1, books[0], day=TODAY)
    for _ in range(3):
        roll_up_open_days()
    [day] = FeedbackDay.objects.all()
    assert (day.lists_served, day.lists_shown, day.shown) == (3, 1, 1)
    assert day.shown_books == [books[0].pk]
    serve(1)
    event(1, books[1], day=TODAY)
    roll_up_open_days()
    [day] = FeedbackDay.objects.all()
    assert (day.lists_served, day.lists_shown, day.shown) == (4, 1, 2)


def test_what_redis_forgets_stays_counted(caplog) -> None:
    serve(3)
    roll_up(TODAY)
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.delete(f"bookrec:served-lists:{TODAY}")
    roll_up(TODAY)
    assert FeedbackDay.objects.get().lists_served == 3


def test_a_list_is_served_while_redis_is_away(settings, caplog) -> None:
    serve(2)
    roll_up(TODAY)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with caplog.at_level("WARNING"):
        serve(2)
        roll_up(TODAY)
    # Asked once, then left alone; and the sums are made of what is known.
    assert [record.message.split(",")[0] for record in caplog.records] == ["Redis is away"] * 2
    assert FeedbackDay.objects.get().lists_served == 2


def test_of_a_day_there_is_one_row_for_each_kind_of_list() -> None:
    kind = {"day": MONDAY, "surface": "list", "basis": "ratings"}
    for run_id in (None, 7):
        FeedbackDay.objects.create(run_id=run_id, **kind)
        with pytest.raises(IntegrityError), transaction.atomic():
            FeedbackDay.objects.create(run_id=run_id, **kind)


def test_old_events_are_forgotten_and_their_sums_are_not(books, monkeypatch) -> None:
    monkeypatch.setattr("recommender.feedback.rollup._FORGOTTEN_AT_ONCE", 2)
    old, kept = TODAY - timedelta(days=31), TODAY - timedelta(days=30)
    for day in (old, kept):
        for book in books[:5]:
            event(day.toordinal(), book, day=day, reader=UserFactory())
        roll_up(day)
    assert forget_events(30) == 5
    assert set(FeedbackEvent.objects.values_list("listed_on", flat=True)) == {kept}
    assert [one.shown for one in online_figures(old, kept, by=("day",))] == [5, 5]
    assert forget_events(30) == 0
    with pytest.raises(ValueError, match="more than 3 days"):
        forget_events(OPEN_DAYS)
