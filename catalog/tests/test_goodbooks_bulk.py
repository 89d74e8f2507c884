"""COPY and loading without indexes, on real PostgreSQL."""

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from catalog.goodbooks.bulk import (
    copy_columns,
    copy_rows,
    create_stage,
    fetch,
    model_defaults,
    without_indexes,
)
from catalog.models import Book, BookTag, Tag
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


def definitions(table: str) -> list[tuple[object, ...]]:
    """Everything PostgreSQL says of a table's columns, constraints and indexes."""
    return fetch(
        """SELECT 'constraint', conname::text, pg_get_constraintdef(oid),
                  condeferrable, condeferred, convalidated
           FROM pg_constraint WHERE conrelid = %(t)s::regclass
           UNION ALL
           SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid),
                  i.indisunique, i.indisprimary, i.indisvalid
           FROM pg_index i WHERE indrelid = %(t)s::regclass
           UNION ALL
           SELECT 'trigger', tgfoid::regproc::text, tgrelid::regclass::text, tgdeferrable,
                  tginitdeferred, tgenabled = 'O' FROM pg_trigger WHERE tgrelid = %(t)s::regclass
           UNION ALL
           SELECT 'column', attname, format_type(atttypid, atttypmod), attnotnull, atthasdef, TRUE
           FROM pg_attribute WHERE attrelid = %(t)s::regclass AND attnum > 0
           ORDER BY 1, 2, 3""",
        {"t": table},
    )


def test_binary_copy_keeps_every_number_and_the_constant() -> None:
    create_stage("stage_test", "a bigint, b integer, c smallint, d varchar(16)")
    a = np.array([0, -1, 2**63 - 1, -(2**63)])
    b = np.array([0, -1, 2**31 - 1, -(2**31)])
    c = np.array([0, -1, 2**15 - 1, -(2**15)], np.int16)

    columns = {"c": ("smallint", c), "a": ("bigint", a), "b": ("integer", b), "d": ("text", "é")}
    copy_columns("stage_test", columns, 4)

    rows = fetch("SELECT a, b, c, d FROM stage_test")
    assert rows == [(*row, "é") for row in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)]


def test_text_copy_keeps_every_character() -> None:
    create_stage("stage_test", "a text, b integer")
    texts = ["tab\t", "line\nend\r", "back\\slash\\n", "\\N", "", "½ Ω 🙂", None]

    copy_rows("stage_test", ["a", "b"], ((text, i) for i, text in enumerate(texts)))

    assert [text for text, _ in fetch("SELECT a, b FROM stage_test ORDER BY b")] == texts


@pytest.mark.parametrize(
    "table", ["ratings_rating", "ratings_shelfentry", "catalog_booktag", "catalog_volume"]
)
def test_constraints_and_indexes_are_back_exactly_after_a_load(table: str) -> None:
    before = definitions(table)

    with without_indexes(table):
        during = definitions(table)

    assert definitions(table) == before
    assert len(during) < len(before)


def test_rows_that_break_a_constraint_do_not_survive_a_load() -> None:
    book, tag = BookFactory(), Tag.objects.create(name="fantasy")
    columns = {
        "book_id": ("bigint", np.array([book.pk, book.pk])),
        "tag_id": ("bigint", np.array([tag.pk, tag.pk + 1])),
        "count": ("integer", np.array([1, 2])),
    }

    with (
        pytest.raises(IntegrityError, match="tag_id"),
        transaction.atomic(),
        without_indexes("catalog_booktag"),
    ):
        copy_columns("catalog_booktag", columns, 2)

    assert fetch("SELECT count(*) FROM catalog_booktag") == [(0,)]


@pytest.mark.parametrize("model", [Book, BookTag])
def test_model_defaults_name_every_column_that_is_not_given(model: type) -> None:
    defaults = model_defaults(model, given=["book_id"])

    columns = {field.column for field in model._meta.concrete_fields}
    assert set(defaults) == columns - {"id", "book_id"}
