"""The API answers everything that its description allows, and refuses what it does not.

schemathesis makes the requests up from the description, and holds every answer to it by all the
checks that it has.
"""

from collections.abc import Iterator

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from bookrec_site.api.description import description
from catalog.models import BookGenre, BookTag, Genre, Tag
from catalog.tests.factories import BookFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


api = schemathesis.openapi.from_dict(description())
api.app = get_wsgi_application()
a_few = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def one_connection(db) -> Iterator[None]:
    """The connection outlives a request, as in Django's own client: it has the transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def library(two_tastes, one_connection) -> None:
    """A small catalogue, and no run: one would take most of the time."""
    genre = Genre.objects.create(slug="fantasy", name="Fantasy")
    for number, book in enumerate(two_tastes["Dragon"]):
        BookGenre.objects.create(book=book, genre=genre, share=0.5)
        tag = Tag.objects.create(name=f"lore-{'abcdefghijklmnop'[number]}")
        BookTag.objects.create(book=book, tag=tag, count=10)
    BookFactory(is_hidden=True)


@api.include(method="GET").parametrize()
@a_few
def test_every_answer_is_one_that_is_described(case: schemathesis.Case, library) -> None:
    # The client reads no compressed answers.
    case.call_and_validate(headers={"Accept-Encoding": "identity"})


@api.include(tag="auth").parametrize()
@a_few
def test_the_doors_answer_as_described(case: schemathesis.Case, one_connection) -> None:
    """All checks but one: no description can say which passwords are too simple, or right."""
    case.call_and_validate(
        headers={"Accept-Encoding": "identity"}, excluded_checks=[positive_data_acceptance]
    )
