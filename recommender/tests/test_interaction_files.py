"""Interactions as Parquet files: whole, of one moment, numbers only, or not there at all."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Book
from ratings.models import Rating, ShelfEntry
from ratings.services import shelve_book
from recommender import interaction_files
from recommender.interaction_files import ExportError, Manifest, export, verify

pytestmark = pytest.mark.django_db


@pytest.fixture
def opinions(two_tastes) -> dict[str, list[Book]]:
    """The two tastes, and a reader with something on every shelf."""
    alice = UserFactory()
    for book, shelf in zip(
        two_tastes["Dragon"], ("to_read", "reading", "abandoned", "my dragons"), strict=False
    ):
        shelve_book(user=alice, book=book, shelf=shelf)
    return two_tastes


def read_back(folder: Path, table: str) -> list[tuple[int, ...]]:
    found = pd.concat([pd.read_parquet(path) for path in sorted((folder / table).iterdir())])
    return sorted(found.itertuples(index=False, name=None))


@pytest.mark.parametrize("n_partitions", [1, 3, 200])
def test_all_rows_are_there_once_whatever_the_number_of_files(opinions, tmp_path, n_partitions):
    manifest = export(tmp_path / "out", n_partitions=n_partitions)
    assert read_back(tmp_path / "out", "ratings") == sorted(
        Rating.objects.values_list("user_id", "book_id", "stars")
    )
    assert read_back(tmp_path / "out", "shelved") == sorted(
        ShelfEntry.objects.filter(shelf="to_read").values_list("user_id", "book_id")
    )
    assert manifest == verify(tmp_path / "out")
    assert manifest.n_ratings == Rating.objects.count()
    assert manifest.n_shelved == 1
    assert manifest.n_readers == 121
    assert len(list((tmp_path / "out" / "ratings").iterdir())) == n_partitions


def test_a_file_has_all_rows_of_its_readers_and_says_how_many(opinions, tmp_path) -> None:
    manifest = export(tmp_path / "out", n_partitions=4)
    for number in range(4):
        name = f"ratings/part-{number:05d}-of-00004.parquet"
        rows = pd.read_parquet(tmp_path / "out" / name)
        assert len(rows) == manifest.files[name]["rows"] > 0
        assert (rows["user_id"] % 4 == number).all()


def test_rows_that_do_not_wait_together_are_all_written(opinions, tmp_path, monkeypatch) -> None:
    # Several fetches, several row groups in a file.
    monkeypatch.setattr(interaction_files, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(interaction_files, "_LEAST_GROUP", 10)
    monkeypatch.setattr(interaction_files, "_ROWS_WAITING", 20)
    export(tmp_path / "out", n_partitions=2)
    assert read_back(tmp_path / "out", "ratings") == sorted(
        Rating.objects.values_list("user_id", "book_id", "stars")
    )


def test_only_numbers_are_written(opinions, tmp_path) -> None:
    export(tmp_path / "out", n_partitions=2)
    columns = {
        path.parent.name: dict(pd.read_parquet(path).dtypes.astype(str))
        for path in (tmp_path / "out").glob("*/*.parquet")
    }
    assert columns == {
        "ratings": {"user_id": "int64", "book_id": "int64", "stars": "int8"},
        "shelved": {"user_id": "int64", "book_id": "int64"},
    }
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*.*"))
    for username, email in User.objects.values_list("username", "email"):
        assert username.encode() not in written
        assert not email or email.encode() not in written


def test_an_empty_database_is_exported_too(db, tmp_path) -> None:
    manifest = export(tmp_path / "out", n_partitions=2)
    assert (manifest.n_ratings, manifest.n_readers) == (0, 0)
    assert read_back(tmp_path / "out", "ratings") == []


def test_what_is_there_is_replaced_only_when_asked_and_only_an_export(opinions, tmp_path) -> None:
    out = tmp_path / "out"
    export(out, n_partitions=3)
    with pytest.raises(ExportError, match="is not empty"):
        export(out, n_partitions=2)
    assert Manifest.read(out).n_partitions == 3
    Rating.objects.filter(book=opinions["Dragon"][0]).delete()
    assert export(out, n_partitions=2, overwrite=True) == verify(out)
    assert Manifest.read(out).n_ratings == Rating.objects.count()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "novel.txt").write_text("Chapter 1")
    with pytest.raises(ExportError, match=r"is no export of interactions"):
        export(mine, n_partitions=2, overwrite=True)
    assert (mine / "novel.txt").read_text() == "Chapter 1"


@pytest.mark.parametrize("name", ["counts.csv", "ratings/part-mine.parquet", "notes/today.txt"])
def test_what_somebody_put_into_an_export_is_not_deleted(opinions, tmp_path, name: str) -> None:
    out = tmp_path / "out"
    earlier = export(out, n_partitions=1)
    own = out / name
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine")
    with pytest.raises(ExportError, match=re.escape(f"holds {name}, which is of no export")):
        export(out, n_partitions=2, overwrite=True)
    assert own.read_text() == "mine"
    assert Manifest.read(out) == earlier
    own.unlink()
    assert export(out, n_partitions=2, overwrite=True) == verify(out)


def test_a_folder_that_is_empty_may_be_the_target(opinions, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    assert export(tmp_path / "out", n_partitions=1) == verify(tmp_path / "out")


def test_an_export_that_fails_leaves_nothing(opinions, tmp_path) -> None:
    def stop(table: str, n_rows: int) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        export(tmp_path / "out", n_partitions=2, on_rows=stop)
    assert list(tmp_path.iterdir()) == []


def test_two_exports_to_one_place_do_not_mix(opinions, tmp_path) -> None:
    refused: list[str] = []

    def meanwhile(table: str, n_rows: int) -> None:
        with pytest.raises(ExportError) as error:
            export(tmp_path / "out", n_partitions=1)
        refused.append(str(error.value))

    export(tmp_path / "out", n_partitions=2, on_rows=meanwhile)
    assert refused
    assert all("Another process is just exporting" in text for text in refused)
    assert verify(tmp_path / "out").n_partitions == 2


def test_damage_is_seen(opinions, tmp_path) -> None:
    export(tmp_path / "out", n_partitions=2)
    path = tmp_path / "out" / "ratings" / "part-00001-of-00002.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ExportError, match="has changed since"):
        verify(tmp_path / "out")
    path.unlink()
    with pytest.raises(ExportError, match="is missing"):
        verify(tmp_path / "out")
    path.write_bytes(whole)
    (path.parent / "part-00009-of-00002.parquet").write_bytes(whole)
    with pytest.raises(ExportError, match="is in no manifest"):
        verify(tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("[]", "is not the manifest"),
        ('{"format": "another"}', "is not the manifest"),
        ('{"format": "bookrec interactions", "version": 2}', "version 2"),
        ('{"format": "bookrec interactions", "version": 1}', "damaged"),
    ],
)
def test_another_manifest_is_refused(tmp_path, text, message) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ExportError, match=message):
        Manifest.read(tmp_path)


def test_the_command_says_what_it_wrote_and_what_is_wrong(opinions, tmp_path, capsys) -> None:
    call_command("export_interactions", str(tmp_path / "out"), "--partitions", "3")
    said = capsys.readouterr().out
    assert f"{Rating.objects.count():,} ratings and 1 to-read entries of 121 readers" in said
    assert "6 files" in said
    with pytest.raises(CommandError, match="add --overwrite"):
        call_command("export_interactions", str(tmp_path / "out"))
    for wrong in ("0", "1025"):
        with pytest.raises(CommandError, match="1 to 1024"):
            call_command("export_interactions", str(tmp_path / "x"), "--partitions", wrong)
    with pytest.raises(CommandError):
        call_command("export_interactions", str(tmp_path / "x"), "--format", "csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="is no folder"):
        call_command("export_interactions", str(tmp_path / "file"))


def test_without_pyarrow_it_says_what_to_install(db, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(CommandError, match="requirements-spark.txt"):
        call_command("export_interactions", str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_all_tables_are_of_one_moment(two_tastes, second_session, tmp_path) -> None:
    alice = User.objects.order_by("pk").first()
    book = Book.objects.exclude(ratings__user=alice).first()
    n_before = Rating.objects.count()

    def rate_and_shelve(table: str, n_rows: int) -> None:
        # Another session, while the ratings are being read and before the shelf is.
        with second_session.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ratings_shelfentry (user_id, book_id, shelf) "
                "VALUES (%s, %s, 'to_read') ON CONFLICT DO NOTHING",
                [alice.pk, book.pk],
            )

    manifest = export(tmp_path / "out", n_partitions=2, on_rows=rate_and_shelve)
    assert ShelfEntry.objects.count() == 1
    assert (manifest.n_ratings, manifest.n_shelved) == (n_before, 0)
    assert read_back(tmp_path / "out", "shelved") == []


_EXPORT: str = """
import os, sys
import django
django.setup()
from django.conf import settings
from pathlib import Path
settings.DATABASES["default"]["NAME"] = sys.argv[2]
from recommender.interaction_files import export
def tell(table, n_rows):
    print(n_rows, flush=True)
    sys.stdin.readline()
export(Path(sys.argv[1]), n_partitions=2, on_rows=tell)
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_half_way_leaves_no_target(two_tastes, tmp_path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _EXPORT, str(tmp_path / "out"), connection.settings_dict["NAME"]],
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "bookrec_site.settings.test"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert int(process.stdout.readline()) == Rating.objects.count()
        assert not (tmp_path / "out").exists()
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".out.partial"]
    # The next one clears away what was left.
    manifest = export(tmp_path / "out", n_partitions=1)
    assert manifest.n_ratings == Rating.objects.count()
    assert verify(tmp_path / "out") == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_memory_is_bounded_by_the_rows_that_wait(two_tastes, tmp_path, monkeypatch) -> None:
    """However many rows there are: never more wait than a fetch and the groups of all files."""
    monkeypatch.setattr(interaction_files, "_ROWS_AT_ONCE", 50)
    monkeypatch.setattr(interaction_files, "_LEAST_GROUP", 10)
    monkeypatch.setattr(interaction_files, "_ROWS_WAITING", 20)
    sizes: list[int] = []
    write = interaction_files._Files._write

    def watched(self, writer, schema, parts) -> None:
        sizes.append(sum(map(len, parts)))
        write(self, writer, schema, parts)

    monkeypatch.setattr(interaction_files._Files, "_write", watched)
    export(tmp_path / "out", n_partitions=2)
    assert sum(sizes) == Rating.objects.count() > 20 * 50
    assert max(sizes) <= 10 + 50


def test_rows_of_a_manifest_are_numbers_for_programs(opinions, tmp_path) -> None:
    export(tmp_path / "out", n_partitions=2)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["format"] == "bookrec interactions"
    assert (
        sum(
            facts["rows"]
            for name, facts in manifest["files"].items()
            if name.startswith("ratings/")
        )
        == manifest["n_ratings"]
        == Rating.objects.count()
    )
    assert np.datetime64(manifest["snapshot_at"].removesuffix("+00:00")) > np.datetime64("2026")
