"""A site that is backed up and restored elsewhere is the same site."""

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.services import issue_token
from accounts.tests.factories import PASSWORD, UserFactory
from bookrec_site.backup import archive, making, postgres
from bookrec_site.tests.backups import (
    contents,
    elsewhere,
    files_below,
)
from bookrec_site.tests.running_site import scratch_database
from catalog.models import Book
from ratings.models import Rating
from ratings.services import rate_book
from recommender import artifact_store
from recommender.models import TrainingRun
from recommender.serving import recommendations_for
from recommender.tests.stored_artifacts import publish

pytestmark = pytest.mark.django_db(transaction=True)

COVER = "covers/1/0123456789abcdef01234567.webp"


@pytest.fixture
def site(trained, media) -> list[User]:
    """Readers with many, few and no ratings, a session, a token, a cover, and a retired run."""
    alice, bob, charlie = (UserFactory(username=name) for name in ("alice", "bob", "charlie"))
    for place, book in enumerate([*trained["Dragon"][:8], *trained["Detective"][:3]]):
        rate_book(user=alice, book=book, stars=2 + place % 4)
    rate_book(user=bob, book=trained["Detective"][0], stars=5)
    issue_token(bob, name="a script")
    session = SessionStore()
    session["_auth_user_id"] = str(alice.pk)
    session.save()
    default_storage.save(COVER, ContentFile(b"a cover"))
    name = artifact_store.new_name(7)
    publish(name)
    TrainingRun.objects.create(
        trigger="test", status="retired", artifact=name, finished_at=timezone.now()
    )
    return [alice, bob, charlie]


@pytest.fixture
def empty_database() -> Iterator[str]:
    name = f"test_bookrec_{os.getpid()}_restored"
    with scratch_database(name):
        yield name


def sequences() -> list[Any]:
    return postgres.rows(connection, "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")


def lists(readers: list[User]) -> list[Any]:
    found = [recommendations_for(User.objects.get(pk=reader.pk), k=5) for reader in readers]
    return [
        (each.basis, each.run_id, [(item.book.pk, item.score) for item in each.items])
        for each in found
    ]


def back_up(folder: Path) -> Path:
    folder.mkdir()
    call_command("backup", str(folder), verbosity=0)
    (path,) = folder.iterdir()
    return path


def test_a_restored_site_is_the_same_site(
    site, artifacts, media, empty_database, settings, tmp_path
):
    alice, bob, _ = site
    path = back_up(tmp_path / "backups")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = contents(), sequences(), lists(site), files_below(artifacts), files_below(media)
    left_out = {"django_session"}
    assert len(before[0]["django_session"]) == 1
    assert len(before[2][0][2]) == 5
    assert sum(name.endswith("meta.json") for name in before[3]) == 2

    with elsewhere(settings, empty_database, tmp_path / "other"):
        output = StringIO()
        call_command("restore", str(path), keep_tokens=True, stdout=output)
        assert "2 artifacts" in output.getvalue()
        assert "migrate" not in output.getvalue()
        after = contents()
        assert after.keys() == before[0].keys()
        for table, rows in before[0].items():
            assert after[table] == ([] if table in left_out else rows), table
        assert sequences() == before[1]
        assert lists(site) == before[2]
        assert files_below(tmp_path / "other" / "artifacts") == before[3]
        assert files_below(tmp_path / "other" / "media") == before[4]
        # The next rating gets a number of its own, and changes the next list.
        book = Book.objects.get(pk=lists([bob])[0][2][0][0])
        rating = rate_book(user=User.objects.get(pk=bob.pk), book=book, stars=5)
        assert Rating.objects.filter(pk__gt=rating.pk).count() == 0
        assert book.pk not in [pk for pk, _ in lists([bob])[0][2]]
    assert contents()["ratings_rating"] == before[0]["ratings_rating"]


def test_nobody_is_logged_in_after_a_restore_and_another_takes_its_place(
    site, empty_database, settings, tmp_path
):
    path = back_up(tmp_path / "backups")
    with elsewhere(settings, empty_database, tmp_path / "other"):
        output = StringIO()
        call_command("restore", str(path), stdout=output)
        assert "1 API tokens were not restored" in output.getvalue()
        assert not ApiToken.objects.exists()
        assert contents()["django_session"] == []
        assert User.objects.get(username="alice").check_password(PASSWORD)

        before = contents()
        Rating.objects.all().delete()
        there = files_below(tmp_path / "other")
        with pytest.raises(CommandError, match=r"not empty.*--replace"):
            call_command("restore", str(path), stdout=StringIO())
        other = connection.copy()
        other.ensure_connection()
        with closing(other), pytest.raises(CommandError, match="1 other sessions use"):
            call_command("restore", str(path), replace=True, stdout=StringIO())
        assert not Rating.objects.exists()
        call_command("restore", str(path), replace=True, stdout=StringIO())
        assert contents() == before
        assert files_below(tmp_path / "other") == there


def test_everything_in_a_backup_is_of_one_moment(site, monkeypatch, tmp_path):
    dump, (_, _, charlie) = postgres.dump, site
    active = TrainingRun.objects.get(status="active").artifact

    def rate_and_dump(*args: Any, **options: Any) -> None:
        rate_book(user=charlie, book=Book.objects.first(), stars=4)
        TrainingRun.objects.filter(status="retired").update(artifact="")
        dump(*args, **options)

    n_ratings, n_users = Rating.objects.count(), User.objects.count()
    monkeypatch.setattr(postgres, "dump", rate_and_dump)
    path = making.make_backup(connection, tmp_path / "one.tar")
    assert Rating.objects.count() == n_ratings + 1
    manifest = archive.read_manifest(path)
    assert manifest.tables["ratings_rating"] == n_ratings
    assert manifest.tables["accounts_user"] == n_users
    assert sorted(manifest.runs.values()) == ["active", "retired"]
    assert manifest.runs[active] == "active"
    assert "0001_initial" in manifest.migrations["accounts"]
    assert manifest.postgres == postgres.server_version(connection)
    with tarfile.open(path) as tar:
        assert [entry.name for entry in manifest.files] == tar.getnames()[2:]
    small = making.make_backup(connection, tmp_path / "small.tar", only_active=True)
    assert list(archive.read_manifest(small).runs) == [active]


def test_a_backup_without_its_artifact_or_over_another_is_not_made(site, artifacts, tmp_path):
    path = back_up(tmp_path / "backups")
    with pytest.raises(CommandError, match="exists; a backup is never overwritten"):
        call_command("backup", str(path), verbosity=0)
    active = TrainingRun.objects.get(status="active")
    (artifacts / active.artifact / "meta.json").unlink()
    with pytest.raises(CommandError, match=active.artifact):
        # Not in the folder: there it would have the same name in the same second.
        call_command("backup", str(tmp_path / "another.tar"), verbosity=0)
    assert not (tmp_path / "another.tar").exists()
    with pytest.raises(CommandError, match="no folder"):
        call_command("backup", str(tmp_path / "nowhere" / "one.tar"), verbosity=0)
    assert list((tmp_path / "backups").iterdir()) == [path]
