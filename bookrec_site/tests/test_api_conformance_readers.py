"""As `test_api_conformance`, for a reader with a token: everything of their own."""

import re

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, settings

from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from bookrec_site.api.description import description
from bookrec_site.tests.test_api_conformance import library, one_connection  # noqa: F401 - fixtures
from ratings.services import dismiss_book, mark_read, rate_book, shelve_book, write_note

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# Not `ratings/bulk/`: a key that comes with another body is refused by design. Nor lists: a `like`
# that is no book is a wrong field there.
OWN = re.compile(
    r"/api/v1/(ratings(?!/bulk)|shelves|readings|dismissals|notes|predictions|readers-like)"
)
own = schemathesis.openapi.from_dict(description()).include(path_regex=OWN.pattern)
own.app = get_wsgi_application()


@pytest.fixture
def token(two_tastes, library) -> str:  # noqa: F811
    reader = UserFactory()
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=reader, book=book, stars=5)
        shelve_book(user=reader, book=book, shelf="sea")
        mark_read(user=reader, book=book)
        write_note(user=reader, book=book, text="Mine.")
    dismiss_book(user=reader, book=two_tastes["Detective"][0])
    return issue_token(reader)[1]


@own.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_to_a_reader_is_one_that_is_described(
    case: schemathesis.Case, token: str
) -> None:
    # The client reads no compressed answers.
    case.call_and_validate(
        headers={"Accept-Encoding": "identity", "Authorization": f"Token {token}"}
    )
