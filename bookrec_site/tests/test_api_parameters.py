"""Every parameter in an address of the API is read strictly: at most once, and not empty."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from bookrec_site.api.description import description
from catalog.tests.factories import BookFactory
from ratings.tests.api_doors import assert_problem, signed_in
from ratings.tests.libraries import goodreads_csv, run_import

pytestmark = pytest.mark.django_db

QUERIES = [
    pytest.param(path, method, parameter, id=f"{method} {path} {parameter['name']}")
    for path, operations in description()["paths"].items()
    for method, operation in operations.items()
    for parameter in operation.get("parameters", [])
    if parameter["in"] == "query"
]
# Something well formed, so that only its number is wrong.
SAMPLES = {"integer": "1", "number": "1", "boolean": "true", "string": "1"}


@pytest.fixture
def reader() -> User:
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def client(reader) -> APIClient:
    return signed_in(reader)


@pytest.fixture
def address(reader) -> Callable[[str], str]:
    """What names something of the reader's where the path has a name for it."""
    library = goodreads_csv({"Title": "Unheard of", "Author": "Nobody"})

    def filled_in(path: str) -> str:
        book = BookFactory(series="A Series", series__number=1)
        names = {
            "book_id": book.pk,
            "author_id": book.authors.get().pk,
            "series_id": book.series.get().pk,
            "shelf": "to_read",
            "line": 2,
        }
        if "{import_id}" in path:
            names["import_id"] = run_import(reader, library).pk
        return path.format_map(names)

    return filled_in


def test_there_are_parameters_to_look_at() -> None:
    assert len(QUERIES) > 30


@pytest.mark.parametrize(("path", "method", "parameter"), QUERIES)
def test_a_parameter_that_is_given_twice_is_named(client, address, path, method, parameter) -> None:
    name, sample = parameter["name"], SAMPLES[parameter["schema"]["type"]]
    twice = f"{address(path)}?{name}={sample}&{name}={sample}"
    answer = client.generic(method.upper(), twice, "{}", "application/json")
    assert_problem(answer, 400)
    assert answer.json()["errors"][name] == ["This is given more than once."]


@pytest.mark.parametrize(("path", "method", "parameter"), QUERIES)
def test_a_parameter_that_is_empty_is_named_unless_it_is_any_text(
    client, address, path, method, parameter
) -> None:
    schema = parameter["schema"]
    answer = client.generic(
        method.upper(), f"{address(path)}?{parameter['name']}=", "{}", "application/json"
    )
    if schema == {"type": "string"}:
        assert answer.status_code in (200, 404)
    else:
        assert_problem(answer, 400)
        assert answer.json()["errors"][parameter["name"]] == ["This is empty."]
