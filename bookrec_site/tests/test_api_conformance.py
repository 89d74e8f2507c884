"""The API answers everything that its description allows, and refuses what it does not.

schemathesis makes the requests up from the description, for every operation that is in it, and
holds every answer to it by all the checks that it has: as a stranger, and as a reader who may do
everything.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from schemathesis.config import SchemathesisConfig

from bookrec_site.api.description import description
from bookrec_site.tests.conformance_world import ApiWorld, api_world  # noqa: F401 - a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# What no description can say of a request, by operation. It must be refused all the same, so these
# may answer a request that is well-formed with the status beside them; all else is checked.
UNSPEAKABLE = {
    # Which names are taken, which passwords too simple.
    "sign_up": "400",
    # Whose password it is.
    "create_token": "400",
    "change_password": "400",
    "change_address": "400",
    "delete_account": "400",
    # Which keys came with another request.
    "rate_books": "422",
    # Which files are libraries.
    "upload_import": "400",
    # Which characters are none that can be printed.
    "rename_shelf": "400",
    "shelve_book": "400",
    "make_token": "400",
    "confirm_address": "400",
    # That it is of a book or of a profile, and which reasons each has.
    "report": "400",
    # Which books are named twice.
    "recommend_for_session": "400",
}
# A row that is wrong has a result of its own, so that it spoils no other: the whole is accepted.
ROW_BY_ROW = ("rate_books", "send_events")
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "429"]
CONFIG = SchemathesisConfig.from_dict(
    {
        # No text may hold a NUL, which is tried at every address by itself (test_api_junk).
        "generation": {"allow-x00": False},
        # Ways end where something is refused: what is wrong is tried operation by operation.
        "phases": {"stateful": {"generation": {"mode": "positive"}}},
        "operations": [
            {
                "include-operation-id": operation,
                "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, status]}},
            }
            for operation, status in UNSPEAKABLE.items()
        ]
        + [
            {
                "include-operation-id": operation,
                "checks": {"negative_data_rejection": {"expected-statuses": ["2xx", "4xx"]}},
            }
            for operation in ROW_BY_ROW
        ],
    }
)
api = schemathesis.openapi.from_dict(description(), config=CONFIG)
api.app = get_wsgi_application()
a_few = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# The client reads no compressed answers.
PLAIN = {"Accept-Encoding": "identity"}
# So many ways are gone; more where they have not led everywhere they should.
N_WAYS = (15, 60, 240)


@pytest.fixture(scope="module", autouse=True)
def the_same_wherever_it_runs() -> Iterator[None]:
    """Let Hypothesis take no values from modules that earlier tests of this process imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(providers, "_get_local_constants", providers.Constants)
        providers.CONSTANTS_CACHE.cache.clear()
        yield
    providers.CONSTANTS_CACHE.cache.clear()


@api.parametrize()
@a_few
def test_a_stranger_is_answered_as_described(
    case: schemathesis.Case,
    api_world: ApiWorld,  # noqa: F811
) -> None:
    case.call_and_validate(headers=PLAIN)


@api.parametrize()
@a_few
def test_a_reader_is_answered_as_described(
    case: schemathesis.Case,
    api_world: ApiWorld,  # noqa: F811
) -> None:
    case.call_and_validate(headers=PLAIN | api_world.headers)


NEW_READER = {"username": "ann", "email": "ann@example.org", "password": "correct horse battery"}


def part_of(pattern: str) -> schemathesis.BaseSchema:
    """Return the API as if it had only the addresses of the pattern, and links among those."""
    document = deepcopy(description())
    document["paths"] = {
        path: operations
        for path, operations in document["paths"].items()
        if re.search(pattern, path)
    }
    operations = [one for path in document["paths"].values() for one in path.values()]
    left = {operation["operationId"] for operation in operations}
    for operation in operations:
        for answer in operation["responses"].values():
            links = answer.pop("links", {})
            answer["links"] = {
                name: link for name, link in links.items() if link["operationId"] in left
            }
    part = schemathesis.openapi.from_dict(document, config=CONFIG)
    part.app = api.app
    return part


# What of a part of the API must have succeeded, and how many ways are gone to get there.
WAYS = {
    "newcomer": (
        r"/auth/|/books/$|/books/\{book_id\}/(rating|similar)/|/recommendations/$",
        {"sign_up", "create_token", "list_books", "rate_book", "list_recommendations"},
    ),
    "shelves": (
        r"/shelves/|/books/popular/",
        {"shelve_book", "list_shelf", "rename_shelf"},
    ),
    "imports": (
        r"/imports/",
        {"list_imports", "get_import", "list_import_rows", "undo_import"},
    ),
    # Where ways lead through so much is chance; a handful of successes it always is.
    "everything": ("", set()),
}


@pytest.mark.parametrize("name", WAYS)
def test_what_follows_on_what_is_answered_as_described(
    api_world: ApiWorld,  # noqa: F811
    name: str,
) -> None:
    """By the links of the description and those that schemathesis finds.

    Who signs up and logs in on the way goes on as that reader.
    """
    pattern, reached = WAYS[name]
    succeeded = set()

    class Way(part_of(pattern).as_state_machine()):
        def setup(self) -> None:
            self.headers = PLAIN | api_world.headers
            self.undo = transaction.atomic()
            self.undo.__enter__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)

        def before_call(self, case: schemathesis.Case) -> None:
            # Whoever filters at random finds nothing to go on with, and hardly a name that is one.
            if case.method == "GET":
                needed = {one.name for one in case.operation.query if one.is_required}
                case.query = {k: v for k, v in (case.query or {}).items() if k in needed}
            if case.operation.definition.raw["operationId"] == "sign_up":
                case.body = NEW_READER

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"headers": self.headers}

        def after_call(self, response: schemathesis.Response, case: schemathesis.Case) -> None:
            super().after_call(response, case)
            if response.status_code < 300:
                operation = case.operation.definition.raw["operationId"]
                succeeded.add(operation)
                if operation == "create_token":
                    self.headers = PLAIN | {"Authorization": f"Token {response.json()['token']}"}

        def validate_response(
            self, response: schemathesis.Response, case: schemathesis.Case, **sent: Any
        ) -> None:
            case.validate_response(
                response,
                # Nobody made these up; what happens without them is tried by the checks themselves.
                headers=sent["headers"],
                transport_kwargs=sent,
                recorder=self.recorder,
            )

    for n_ways in N_WAYS:
        Way.run(settings=settings(a_few, max_examples=n_ways, stateful_step_count=8))
        if reached <= succeeded:
            break
    assert reached - succeeded == set(), sorted(succeeded)
    assert len(succeeded) >= 5
