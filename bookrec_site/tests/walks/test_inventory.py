"""Of every page that there is: what it costs, what is around it, what it says in German."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polib
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from bookrec_site.tests.isolation import begin_at_the_same_ids
from bookrec_site.tests.page_frame import Frame
from bookrec_site.tests.walks.inventory import (
    ANSWERS,
    FILES,
    FORMS,
    GUEST,
    MOVED,
    ON_THE_WAY,
    PAGES,
    READERS_ONLY,
    Page,
    names_of_addresses,
    sight_name,
    sights,
)
from bookrec_site.tests.walks.people import World, populate
from catalog.models import DataImport, Source
from catalog.tests.factories import BookFactory
from recommender.active import holder
from recommender.tests.conftest import add_readers, reader_ids
from recommender.training import run_training

# The mark is what makes pytest-django set up a database at all.
pytestmark = pytest.mark.django_db

QUERIES = 12
GERMAN = settings.BASE_DIR / "locale/de/LC_MESSAGES/django.po"


@dataclass(frozen=True)
class Seen:
    """What one reader got of one page."""

    page: Page
    role: str
    answer: HttpResponse
    queries: int

    @property
    def html(self) -> str:
        return self.answer.content.decode()


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    """Readers of two tastes, a full run of their books, and the three whom pages are shown to."""
    folder = tmp_path_factory.mktemp("artifacts")
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "artifacts": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": folder},
        },
    }
    with (
        django_db_blocker.unblock(),
        override_settings(ARTIFACTS_DIR=folder, STORAGES=storages),
        transaction.atomic(),
    ):
        begin_at_the_same_ids()
        shelves = {
            taste: [
                BookFactory(
                    title=f"{taste} {n}",
                    authors=[f"{taste} author {n // 2}"],
                    series=f"{taste} trilogy" if n < 3 else "",
                    series__number=n + 1,
                    **FACTS,
                )
                for n in range(30)
            ]
            for taste in ("Dragon", "Detective")
        }
        add_readers(shelves, reader_ids(120, held_out=False))
        add_readers(shelves, reader_ids(40, held_out=True))
        DataImport.objects.create(source=Source.GOODBOOKS, digest="0")
        holder.forget()
        run_training(trigger="test", kind="full")
        yield populate([*shelves["Dragon"], *shelves["Detective"]], "reads quite a lot")
        transaction.set_rollback(True)
    holder.forget()


FACTS = {
    "publication_year": 1999,
    "language": "eng",
    "ratings_count": 1000,
    "average_rating": "4.12",
    "stars_5": 700,
    "stars_4": 300,
}


@pytest.fixture(scope="module")
def seen(world, django_db_blocker) -> dict[str, Seen]:
    """Every page as each of the roles gets it."""
    with django_db_blocker.unblock():
        return {sight_name(page, role): look(page, role, world) for page, role in sights()}


def client_of(role: str, **headers: str) -> Client:
    client = Client(raise_request_exception=False, headers=headers)
    if role != GUEST:
        [backend, *_] = settings.AUTHENTICATION_BACKENDS
        client.force_login(User.objects.get(username=role), backend=backend)
    return client


def look(page: Page, role: str, world: World, **headers: str) -> Seen:
    client = client_of(role, **headers)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(page.address(world))
    return Seen(page, role, answer, len(queries))


def test_every_address_of_the_site_is_in_the_inventory():
    """A new page is looked at in every way that the others are, or this says what to add."""
    listed = {page.name for page in (*PAGES, *ANSWERS, *FILES)}
    others = [*ON_THE_WAY, *MOVED, *FORMS]
    assert sorted(names_of_addresses() ^ {*listed, *others}) == []
    assert len({*listed, *others}) == len(listed) + len(others)
    sighted = Counter(sight_name(page, role) for page, role in sights())
    assert max(sighted.values()) == 1


def test_every_page_is_there(seen):
    assert {name: sight.answer.status_code for name, sight in seen.items()} == dict.fromkeys(
        seen, 200
    )


def test_every_page_asks_few_questions_of_the_database(seen):
    assert {n: sight.queries for n, sight in seen.items() if sight.queries > QUERIES} == {}


def test_every_answer_to_a_script_asks_few_questions_of_the_database(world, django_db_blocker):
    with django_db_blocker.unblock():
        for page in ANSWERS:
            for role in page.roles:
                sight = look(page, role, world)
                assert sight.answer.status_code == 200, sight_name(page, role)
                assert sight.queries <= QUERIES, sight_name(page, role)
        for page in FILES:
            # Each table once, however much is in it.
            assert look(page, page.roles[0], world).queries <= 2 * QUERIES, page.name


def test_every_page_has_a_frame_that_the_policy_and_a_screen_reader_like(seen):
    assert {name: wrong for name, sight in seen.items() if (wrong := Frame(sight.html).wrong)} == {}


def test_every_page_has_a_title_of_its_own(seen):
    titles: dict[str, set[str]] = {}
    for sight in seen.values():
        [title] = re.findall(r"<title>(.*?)</title>", sight.html, re.DOTALL)
        assert " ".join(title.split()) not in ("· Bookrec", "Bookrec")
        titles.setdefault(title, set()).add(sight.page.name)
    # Of a page in several states there may be several titles, but no two pages share one.
    assert {title: names for title, names in titles.items() if len(names) > 1} == {}


def test_every_page_credits_where_its_data_comes_from(seen):
    for name, sight in seen.items():
        for credit in ("goodbooks-10k", "Zygmunt Zając", "creativecommons.org/licenses/by-sa/4.0"):
            assert credit in sight.html, name


def test_every_page_carries_the_strict_policy(seen):
    for name, sight in seen.items():
        policy = sight.answer["Content-Security-Policy"]
        assert "unsafe" not in policy, name
        assert "default-src 'self'" in policy, name
        assert "img-src 'self' https://images.gr-assets.com;" in f"{policy};", name


def test_no_page_of_a_reader_is_kept_by_a_proxy(seen):
    for name, sight in seen.items():
        if sight.page.name in READERS_ONLY:
            assert "private" in sight.answer["Cache-Control"], name
        if sight.role != GUEST:
            assert "Cookie" in sight.answer["Vary"], name


def test_a_guest_is_asked_to_log_in_where_a_reader_is_meant(world, django_db_blocker):
    with django_db_blocker.unblock():
        for page in PAGES:
            if page.name in READERS_ONLY:
                answer = look(page, GUEST, world).answer
                assert answer.status_code == 302, page.name
                assert answer["Location"].startswith("/account/login/?next="), page.name


@pytest.mark.skipif(not GERMAN.is_file(), reason="nobody has begun to translate")
def test_no_page_has_an_english_text_left_in_german(world, django_db_blocker):
    """Every text of several words that has a German one; names and titles are nobody's texts."""
    english = {
        entry.msgid
        for entry in polib.pofile(str(GERMAN))
        if entry.msgid.count(" ") >= 2 and "%" not in entry.msgid and entry.msgstr != entry.msgid
    }
    left = {}
    with django_db_blocker.unblock():
        for page, role in sights():
            # What became of a row is told in the language that the import was asked for in.
            if page.name in ("library_import_report", "library_import_row"):
                continue
            html = look(page, role, world, **{"Accept-Language": "de"}).html
            assert '<html lang="de">' in html
            text = " ".join(html.split())
            if found := [words for words in english if words in text]:
                left[sight_name(page, role)] = found
    assert left == {}
