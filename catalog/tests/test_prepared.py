"""Statements that are planned once for each connection."""

import pytest
from django.db import connection
from django.db.utils import ProgrammingError

from catalog import prepared
from catalog.models import Author
from catalog.prepared import Prepared

NAMED = Prepared(
    "test_named",
    "SELECT id, name FROM catalog_author WHERE name = %(name)s OR id = %(pk)s",
    {"name": "text", "pk": "bigint"},
)


def plans() -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements"
            " WHERE name LIKE 'test_named%'"
        )
        return cursor.fetchall()


@pytest.mark.django_db
def test_the_answer_is_that_of_the_statement_in_one_query(django_assert_num_queries) -> None:
    lem, other = (Author.objects.create(name=name) for name in ("Stanisław Lem", "O'Brian; --"))
    for name, pk, wanted in (
        (lem.name, 0, [(lem.pk, lem.name)]),
        (other.name, 0, [(other.pk, other.name)]),
        ("", lem.pk, [(lem.pk, lem.name)]),
        ("nobody", 0, []),
    ):
        with django_assert_num_queries(1):
            assert NAMED.rows({"name": name, "pk": pk}) == wanted


@pytest.mark.django_db(transaction=True)
def test_it_is_planned_once_for_a_connection() -> None:
    connection.close()
    for _ in range(8):
        assert NAMED.rows({"name": "nobody", "pk": 0}) == []
    assert plans() == [(8, 0)]
    connection.close()
    assert NAMED.rows({"name": "nobody", "pk": 0}) == []
    assert plans() == [(1, 0)]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_forgot_it_answers_all_the_same() -> None:
    """As behind a pooler that gives each transaction another connection."""
    lem = Author.objects.create(name="Stanisław Lem")
    assert NAMED.rows({"name": lem.name, "pk": 0}) == [(lem.pk, lem.name)]
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert NAMED.rows({"name": lem.name, "pk": 0}) == [(lem.pk, lem.name)]


@pytest.mark.django_db(transaction=True)
def test_a_column_may_change_its_type_meanwhile() -> None:
    """As by a migration under a running site."""
    numbers = Prepared("test_numbers", "SELECT n FROM changing WHERE n = %(n)s", {"n": "int"})
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE changing AS SELECT 7 AS n")
    assert numbers.rows({"n": 7}) == [(7,)]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE changing ALTER COLUMN n TYPE bigint")
    assert numbers.rows({"n": 7}) == [(7,)]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE changing")


@pytest.mark.django_db(transaction=True)
def test_another_error_is_an_error() -> None:
    wrong = Prepared("test_wrong", "SELECT 1 FROM no_such_table WHERE %(pk)s = 1", {"pk": "int"})
    for _ in range(2):
        with pytest.raises(ProgrammingError, match="no_such_table"):
            wrong.rows({"pk": 1})


@pytest.mark.django_db(transaction=True)
def test_what_another_client_of_a_pooler_has_prepared_is_used() -> None:
    connection.close()
    lem = Author.objects.create(name="Stanisław Lem")
    same = Prepared(
        "test_pooled", "SELECT name FROM catalog_author WHERE id = %(pk)s", {"pk": "int"}
    )
    assert same.rows({"pk": lem.pk}) == [(lem.name,)]
    # The same server session, and a client that does not know what was said in it.
    prepared._prepared.clear()
    assert same.rows({"pk": lem.pk}) == [(lem.name,)]
    other = Prepared(
        "test_pooled", "SELECT id FROM catalog_author WHERE id = %(pk)s", {"pk": "int"}
    )
    assert other.rows({"pk": lem.pk}) == [(lem.pk,)]
