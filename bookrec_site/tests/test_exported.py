"""The export has what every app keeps of a reader, and nothing of anybody else."""

import csv
import io
import json
import zipfile

import pytest

from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from moderation.services import report
from ratings.export import export_archive

pytestmark = pytest.mark.django_db


def exported(user):
    with export_archive(user) as file, zipfile.ZipFile(file) as archive:
        table = list(csv.reader(io.StringIO(archive.read("reports.csv").decode())))
        return (
            table,
            json.loads(archive.read("bookrec.json")),
            archive.read("read_me.txt").decode(),
        )


def test_what_a_reader_reported_is_in_their_export_and_in_no_other() -> None:
    alice, bob = UserFactory(username="alice"), UserFactory(username="bob", profile_is_public=True)
    report(reporter=alice, of=BookFactory(title="Dune"), reason="other", text="=1+1 pages torn")
    report(reporter=alice, of=bob, reason="spam")
    (header, *rows), document, read_me = exported(alice)
    assert [[*row[:4], row[5]] for row in rows] == [
        # What a spreadsheet would take for a formula is made harmless.
        ["book", "Dune", "other", "'=1+1 pages torn", "open"],
        ["profile", "bob", "spam", "", "open"],
    ]
    assert [list(row) for row in document["reports"]] == [header, header]
    assert document["reports"][0]["In your words"] == "=1+1 pages torn"
    assert "reports.csv" in read_me
    # Who reported is never told to whom it is about.
    (_header, *rows), document, _read_me = exported(bob)
    assert (rows, document["reports"]) == ([], [])
    assert "alice" not in json.dumps(document)


def test_tokens_are_named_in_the_export_without_their_secrets() -> None:
    alice = UserFactory()
    token, secret = issue_token(alice, name="e-ink frame", scope="read")
    _table, document, _read_me = exported(alice)
    [told] = document["account"]["API tokens"]
    assert (told["begins with"], told["name"], told["scope"], told["last used"]) == (
        token.token_key,
        "e-ink frame",
        "read",
        None,
    )
    assert secret not in json.dumps(document)
