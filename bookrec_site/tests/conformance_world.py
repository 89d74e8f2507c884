"""What the API is asked about in tests of all its operations: a little of everything there is."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.utils import timezone

from accounts.models import User
from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from bookrec_site.tests.isolation import begin_at_the_same_ids
from bookrec_site.tests.walks.people import bring_library
from catalog.curation.lists import save_list
from catalog.models import Book, BookGenre, BookTag, EditorialList, Genre, Tag
from catalog.tests.factories import BookFactory
from ratings.models import LibraryImport
from ratings.services import dismiss_book, mark_read, rate_book, shelve_book, write_note
from recommender.models import TrainingRun


@dataclass(frozen=True)
class ApiWorld:
    """A small catalogue, a run without a model, and a reader who may operate runs."""

    books: list[Book]
    reader: User
    token: str
    library_import: LibraryImport
    run: TrainingRun
    editorial: EditorialList

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}


@pytest.fixture(scope="module")
def api_world(django_db_setup, django_db_blocker) -> Iterator[ApiWorld]:
    """Made once for a module, whose tests each leave it as it was."""
    # The connection outlives a request, as in Django's own client: it has the transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    with django_db_blocker.unblock(), transaction.atomic():
        begin_at_the_same_ids()
        yield make_world()
        transaction.set_rollback(True)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def make_world() -> ApiWorld:
    books = [
        BookFactory(
            title=f"Dragon {number}",
            authors=["A. Drake", f"Writer {number}"],
            series="Dragons",
            series__number=number + 1,
            publication_year=1990 + number,
            ratings_count=100 - number,
            average_rating="4.10",
        )
        for number in range(10)
    ]
    genre = Genre.objects.create(slug="fantasy", name="Fantasy")
    for number, book in enumerate(books):
        BookGenre.objects.create(book=book, genre=genre, share=0.5)
        tag = Tag.objects.create(name=f"lore-{'abcdefghijklmnop'[number]}")
        BookTag.objects.create(book=book, tag=tag, count=10)
    BookFactory(is_hidden=True)
    reader = UserFactory(username="alice", is_staff=True, is_superuser=True)
    for book in books[:3]:
        rate_book(user=reader, book=book, stars=5)
        shelve_book(user=reader, book=book, shelf="sea")
        mark_read(user=reader, book=book)
        write_note(user=reader, book=book, text="Mine.")
    rate_book(user=UserFactory(), book=books[0], stars=4)
    dismiss_book(user=reader, book=books[4])
    run = TrainingRun.objects.create(trigger="test", status="retired", finished_at=timezone.now())
    return ApiWorld(
        books,
        reader,
        token=issue_token(reader, name="tests")[1],
        library_import=bring_library(reader, books[5:8]),
        run=run,
        editorial=save_list(None, {"title": "Dragons"}, [b.pk for b in books], by=reader),
    )
