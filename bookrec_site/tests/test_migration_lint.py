"""A migration that would stop the site, or break the version beside it, fails CI."""

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.migrations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    CreateModel,
    DeleteModel,
    Migration,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from bookrec_site import migration_lint
from bookrec_site.migration_lint import LinterError, lint, lint_sql, not_accepted, own_migrations

pytestmark = pytest.mark.django_db

POSITIVE = models.CheckConstraint(condition=models.Q(stars__gte=0), name="stars_positive")


def sql_of(*operations: Operation) -> str:
    """Return what `sqlmigrate` would print of a migration that comes after all of ours."""
    migration = Migration("9999_next", "ratings")
    migration.operations = list(operations)
    state = MigrationLoader(connection).project_state()
    with connection.schema_editor(collect_sql=True) as editor:
        migration.apply(state, editor, collect_sql=True)
    statements = "\n".join(editor.collected_sql)
    return f"BEGIN;\n{statements}\nCOMMIT;\n"


def rules(sql: str) -> set[str]:
    return {finding.rule for finding in lint_sql({"ratings.9999_next": sql})}


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        # The running version inserts rows without the new column.
        (
            AddField("rating", "mood", models.CharField(max_length=9, default="")),
            "ban-drop-default",
        ),
        (RenameField("rating", "stars", "points"), "renaming-column"),
        (RenameModel("Rating", "Opinion"), "renaming-table"),
        (RemoveField("rating", "stars"), "ban-drop-column"),
        (DeleteModel("Note"), "ban-drop-table"),
        # Readers wait while every row is read or written.
        (
            AddIndex("rating", models.Index(fields=["stars"], name="by_stars")),
            "require-concurrent-index-creation",
        ),
        (AddConstraint("rating", POSITIVE), "constraint-missing-not-valid"),
        (
            AddConstraint("note", models.UniqueConstraint(fields=["text"], name="one_text")),
            "disallowed-unique-constraint",
        ),
        (AlterField("rating", "stars", models.BigIntegerField()), "changing-column-type"),
        (
            AddField("rating", "by", models.ForeignKey("accounts.User", models.CASCADE, null=True)),
            "adding-foreign-key-constraint",
        ),
    ],
)
def test_an_unsafe_migration_is_found(operation: Operation, rule: str):
    assert rule in rules(sql_of(operation))


@pytest.mark.parametrize(
    "statement",
    [
        'LOCK TABLE "ratings_rating" IN ACCESS EXCLUSIVE MODE;',
        "lock ratings_rating;",
        'SELECT 1; TRUNCATE "ratings_rating";',
        "CLUSTER ratings_rating;",
        "VACUUM (ANALYZE, FULL) ratings_rating;",
        "REFRESH MATERIALIZED VIEW totals;",
    ],
)
def test_what_holds_a_table_is_found_where_squawk_has_no_rule(statement: str):
    assert rules(f"BEGIN;\n{statement}\nCOMMIT;\n") == {"locking-table"}


def test_words_that_are_no_such_statement_pass():
    sql = """CREATE TRIGGER note_change AFTER INSERT OR TRUNCATE
ON catalog_book EXECUTE FUNCTION note();
-- LOCK TABLE would be one.
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;
"""
    assert rules(sql) == set()


def test_a_comment_excuses_nothing():
    assert rules("-- squawk-ignore ban-drop-table\nDROP TABLE ratings_note;\n") == {
        "ignore-comment"
    }


def test_a_required_column_without_any_default_is_found():
    sql = 'BEGIN;\nALTER TABLE "ratings_rating" ADD COLUMN "mood" varchar(9) NOT NULL;\nCOMMIT;\n'
    assert rules(sql) == {"adding-required-field"}


@pytest.mark.parametrize(
    "operations",
    [
        [AddField("rating", "mood", models.CharField(max_length=9, null=True))],
        [AddField("rating", "mood", models.CharField(max_length=9, default="", db_default=""))],
        [AddConstraintNotValid("rating", POSITIVE)],
        [
            CreateModel(
                "Quote",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("user", models.ForeignKey("accounts.User", models.CASCADE)),
                    ("text", models.TextField()),
                ],
            ),
            # Nobody waits for a table that is not there yet.
            AddField("quote", "book", models.ForeignKey("catalog.Book", models.CASCADE)),
            AddIndex("quote", models.Index(fields=["text"], name="by_text")),
            AddConstraint(
                "quote",
                models.CheckConstraint(condition=~models.Q(text=""), name="quote_not_empty"),
            ),
        ],
    ],
)
def test_a_safe_migration_passes(operations: list[Operation]):
    assert rules(sql_of(*operations)) == set()


def test_what_is_done_beside_readers_passes_outside_of_a_transaction_alone():
    build = 'CREATE INDEX CONCURRENTLY "by_stars" ON "ratings_rating" ("stars");\n'
    assert rules(build) == set()
    assert rules(f"BEGIN;\n{build}COMMIT;\n") == {"ban-concurrent-index-creation-in-transaction"}
    validate = 'ALTER TABLE "ratings_rating" VALIDATE CONSTRAINT "stars_positive";\n'
    assert rules(f"BEGIN;\n{validate}COMMIT;\n") == set()


def test_our_migrations_have_no_other_findings_than_the_accepted():
    assert len(own_migrations()) > 20
    assert {app for app, _ in own_migrations()} >= {"accounts", "catalog", "ratings"}
    assert "django_celery_beat" not in {app for app, _ in own_migrations()}
    assert not_accepted(lint()) == []


def accepting(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    (folder / "accepted.toml").write_text(text)
    monkeypatch.setattr(migration_lint, "_ACCEPTED", folder / "accepted.toml")


def test_the_command_fails_and_says_where(monkeypatch, tmp_path):
    accepting(monkeypatch, tmp_path, "accepted = []")
    monkeypatch.setattr(
        migration_lint, "own_migrations", lambda: [("ratings", "0004_shelf_entries_by_user")]
    )
    said = StringIO()
    with pytest.raises(CommandError, match=r"1 findings.*docs/upgrading\.md"):
        call_command("lint_migrations", stderr=said)
    assert "ratings.0004_shelf_entries_by_user: require-concurrent-index-creation" in (
        said.getvalue()
    )
    assert 'CREATE INDEX "' in said.getvalue()


@pytest.mark.parametrize(
    ("why", "complaint"), [("a reason", "accepts what is not found"), ("", "without a reason")]
)
def test_what_is_accepted_is_there_and_has_a_reason(why: str, complaint, monkeypatch, tmp_path):
    entry = f'[[accepted]]\nwhy = "{why}"\n[accepted.migrations]\n"ratings.0001" = ["x"]\n'
    accepting(monkeypatch, tmp_path, entry)
    with pytest.raises(LinterError, match=complaint):
        not_accepted([])
