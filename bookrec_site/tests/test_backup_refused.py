"""What is no backup of this site is refused, and nothing changes."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from bookrec_site.backup import archive, postgres, restoring
from bookrec_site.backup.errors import BackupError
from bookrec_site.backup.manifest import is_safe
from bookrec_site.tests.backups import (
    contents,
    elsewhere,
    files_below,
    made_by_hand,
    manifest_of,
)
from bookrec_site.tests.running_site import scratch_database
from recommender import artifact_store
from recommender.tests.stored_artifacts import NAME, publish, write

FILES = {"database.dump": b"PGDMP" + b"x" * 2000, "media/covers/1/a.webp": b"a cover"}


@pytest.fixture(scope="module")
def empty_database() -> Iterator[str]:
    """One for all: nothing that is refused changes it."""
    name = f"test_bookrec_{os.getpid()}_refused"
    with scratch_database(name):
        yield name


@pytest.fixture
def other_host(empty_database, settings, django_db_blocker, tmp_path) -> Iterator[Path]:
    """An empty database and empty folders, outside of any test's transaction."""
    with django_db_blocker.unblock(), elsewhere(settings, empty_database, tmp_path / "other"):
        yield tmp_path / "other"


def refused(path: Path, folder: Path, complaint: str, **options: Any) -> None:
    before = contents(), files_below(folder)
    with pytest.raises(CommandError, match=complaint):
        call_command("restore", str(path), stdout=StringIO(), **options)
    assert (contents(), files_below(folder)) == before


def with_artifact(tmp_path: Path) -> dict[str, bytes]:
    write(tmp_path / NAME)
    files = files_below(tmp_path / NAME)
    return FILES | {f"artifacts/{NAME}/{name}": content for name, content in files.items()}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 2}, "format 2, this version reads 1"),
        ({"postgres": 99}, r"of PostgreSQL 99, the server is \d+: an older server"),
        ({"artifact_schema": 99}, "artifacts are of version 99"),
        ({"migrations": {"catalog": ["9999_later"]}}, r"not know \(catalog.9999_later\)"),
        ({"tables": {"catalog_book": -1}}, "tables have no counts"),
    ],
)
def test_a_backup_of_another_version_or_form(other_host, tmp_path, change, complaint):
    refused(made_by_hand(tmp_path / "other.tar", FILES, **change), other_host, complaint)


def test_a_database_that_is_not_empty(other_host, tmp_path):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine (id int); INSERT INTO mine VALUES (1)")
    path = made_by_hand(tmp_path / "one.tar", FILES)
    refused(path, other_host, "The database is not empty: it has mine")
    refused(path, other_host, r"tables that the backup has not \(mine\)", replace=True)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE mine")


def test_another_artifact_of_the_same_name(other_host, tmp_path):
    path = made_by_hand(tmp_path / "one.tar", with_artifact(tmp_path))
    publish(NAME, seed=9)
    refused(path, other_host, f"another artifact of the name {NAME}")


def test_what_postgresql_refuses_leaves_nothing(other_host, tmp_path):
    """The dump is none, and its checksum is right: the last step fails, the first is undone."""
    path = made_by_hand(tmp_path / "one.tar", with_artifact(tmp_path))
    refused(path, other_host, "pg_restore failed")
    assert not artifact_store.exists(NAME)


def execute(query: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query)


def interrupted(monkeypatch, tmp_path: Path, restore: Callable[[], None]) -> str:
    """Restore, with Ctrl-C when PostgreSQL has done `restore`; return what was said."""

    def restore_then_stop(*args: Any, **options: Any) -> None:
        restore()
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring.postgres, "restore", restore_then_stop)
    path = made_by_hand(tmp_path / "one.tar", with_artifact(tmp_path))
    said = StringIO()
    with pytest.raises(KeyboardInterrupt):
        call_command("restore", str(path), stdout=said)
    return said.getvalue()


def test_files_of_a_database_that_was_committed_stay(other_host, monkeypatch, tmp_path):
    said = interrupted(monkeypatch, tmp_path, lambda: execute("CREATE TABLE mine (id int)"))
    execute("DROP TABLE mine")
    assert "covers were left in place. The database was restored." in said
    assert artifact_store.exists(NAME)
    assert (other_host / "media/covers/1/a.webp").read_bytes() == b"a cover"


def test_files_of_a_database_that_cannot_be_asked_stay(other_host, monkeypatch, tmp_path):
    def refuse() -> None:
        raise OperationalError("the server is gone")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "copy", refuse)
        said = interrupted(monkeypatch, tmp_path, lambda: None)
    assert "cannot be told whether the database was restored: the server is gone" in said
    assert artifact_store.exists(NAME)


def test_an_interrupt_before_the_commit_leaves_nothing(other_host, monkeypatch, tmp_path):
    """pg_restore's session outlives it for a moment, and could commit yet."""
    with closing(connection.copy()) as own, own.cursor() as cursor:
        cursor.execute("SET application_name = 'pg_restore'")
        said = interrupted(
            monkeypatch, tmp_path, lambda: cursor.execute("BEGIN; CREATE TABLE mine (id int)")
        )
        with pytest.raises(OperationalError):
            cursor.execute("COMMIT")
    assert "left in place" not in said
    assert contents() == {}
    assert not artifact_store.exists(NAME)
    assert files_below(other_host) == {}


def test_an_artifact_that_is_none(other_host, tmp_path):
    files = FILES | {f"artifacts/{NAME}/meta.json": b"{}"}
    refused(made_by_hand(tmp_path / "one.tar", files), other_host, "schema_version is None")


def test_a_full_disk_is_noticed_before_anything_is_unpacked(other_host, monkeypatch, tmp_path):
    usage = restoring.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(restoring.shutil, "disk_usage", lambda folder: usage._replace(free=100))
    refused(made_by_hand(tmp_path / "one.tar", FILES), other_host, "Set TMPDIR")


def flipped(place: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def nested() -> bytes:
    """Return an archive whose manifest json gives up on."""
    manifest = b"[" * 100_000
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        digest = hashlib.sha256(manifest).hexdigest().encode()
        for name, content in (("manifest.json", manifest), ("manifest.sha256", digest)):
            tar.addfile(member(name, content), io.BytesIO(content))
    return written.getvalue()


def damaged(kind: str, content: bytes) -> bytes:
    place = {
        "flipped in the manifest": content.index(b"made_at"),
        "flipped in the dump": content.index(b"PGDMP") + 1000,
        "flipped in the last file": content.index(b"a cover"),
        "flipped in a header": content.index(b"media/covers"),
    }
    if kind in place:
        return flipped(place[kind])(content)
    return {
        "empty": b"",
        "a text": b"dear diary\n" * 1000,
        "cut within a file": content[: content.index(b"PGDMP") + 1000],
        "cut between files": content[: content.rindex(b"media/covers")],
        "without its end": content[: content.index(b"a cover") + 512],
        "with something behind it": content + b"x" * 10240,
        "with zeros behind it": content + bytes(1 << 20),
        "with a size that is none": content[:124] + b"9" * 11 + content[135:156] + b"x" * 512,
        "nested in its manifest": nested(),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("flipped in the manifest", "flipped in the dump", "flipped in the last file"),
        *("flipped in a header", "empty", "a text", "cut within a file", "cut between files"),
        *("without its end", "with something behind it", "with zeros behind it"),
        *("with a size that is none", "nested in its manifest"),
    ],
)
def test_a_damaged_file(kind: str, tmp_path: Path):
    path = made_by_hand(tmp_path / "one.tar", FILES)
    archive.unpack(path, None)
    path.write_bytes(damaged(kind, path.read_bytes()))
    with pytest.raises(BackupError, match=r"no whole backup: .* Nothing was changed"):
        archive.unpack(path, None)


def hostile(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], **changes: Any) -> Path:
    """Write a tar that says what a backup says, with other members."""
    said = manifest_of(made_by_hand(path.with_suffix(".sound"), FILES)) | changes
    manifest = json.dumps(said).encode()
    digest = hashlib.sha256(manifest).hexdigest().encode()
    with tarfile.open(path, "w") as tar:
        for name, content in (("manifest.json", manifest), ("manifest.sha256", digest)):
            tar.addfile(member(name, content), io.BytesIO(content))
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def member(name: str, content: bytes = b"", **facts: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in facts.items():
        setattr(info, key, value)
    return info


DUMP = (member("database.dump", FILES["database.dump"]), FILES["database.dump"])


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        ((member("../../escaped", b"a cover"), b"a cover"), "in place of media/covers"),
        ((member("media/covers/1/a.webp", b"a cover!"), b"a cover!"), "has 8 bytes, announced"),
        (
            (member("media/covers/1/a.webp", b"a cover", type=tarfile.DIRTYPE), b"a cover"),
            "no backup",
        ),
        (
            (member("media/covers/1/a.webp", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b""),
            "no backup of this site",
        ),
        (
            (member("media/covers/1/a.webp", type=tarfile.LNKTYPE, linkname="database.dump"), b""),
            "no backup of this site",
        ),
        ((member("m" * 20_000, b"a cover"), b"a cover"), "no backup of this site"),
    ],
)
def test_a_hostile_file(second, complaint: str, tmp_path: Path):
    path = hostile(tmp_path / "one.tar", [DUMP, second])
    with pytest.raises(BackupError, match=complaint):
        archive.unpack(path, tmp_path / "unpacked")
    assert not (tmp_path / "escaped").exists()
    assert files_below(tmp_path / "unpacked").keys() <= {"database.dump"}


@pytest.mark.parametrize(
    "members",
    [
        [(member("x", b"9 a=b\n", type=tarfile.XHDTYPE), b"9 a=b\n")] * 2000,
        [
            (member("x", b"9 a=b\n", type=tarfile.XHDTYPE), b"9 a=b\n"),
            (member("media/covers/1/a.webp", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b""),
        ],
        [(member("x", b"9 a=b\n" * 1000, type=tarfile.XHDTYPE), b"9 a=b\n" * 1000)],
    ],
    ids=["a chain", "a link", "nothing"],
)
def test_the_header_of_a_long_name_is_followed_by_a_file(members, tmp_path: Path, monkeypatch):
    path = hostile(tmp_path / "one.tar", [DUMP, *members])
    monkeypatch.setattr(tarfile.TarInfo, "_proc_pax", lambda *args: pytest.fail("was read"))
    with pytest.raises(BackupError, match=r"no backup of this site|ends too early"):
        archive.unpack(path, None)


def test_a_backup_without_a_dump(tmp_path: Path):
    path = hostile(tmp_path / "one.tar", [], files=[])
    with pytest.raises(BackupError, match="database.dump is not its first file"):
        archive.unpack(path, None)


def test_a_file_that_announces_more_than_it_has(tmp_path: Path):
    files = [{"name": "database.dump", "bytes": 1 << 40, "sha256": "0" * 64}]
    path = hostile(tmp_path / "one.tar", [DUMP], files=files)
    with pytest.raises(BackupError, match="its files alone 1099511627776"):
        archive.unpack(path, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("", "database.dump2", "/etc/passwd", "../database.dump", "media", "media/", "media/.."),
        *("media/../x", "media//x", "media/./x", "media/a\\b", "media/a\x00b", "media/a\nb"),
        *("artifacts/x/meta.json", f"artifacts/{NAME}", f"artifacts/{NAME}/../meta.json"),
        *(f"artifacts/{NAME}/a/b.npy", f"artifacts/{NAME}/.hidden", f"artifacts/{NAME}/a.b.c.d"),
    ],
)
def test_a_name_that_leads_elsewhere(name: str, tmp_path: Path):
    assert not is_safe(name)
    files = [
        *manifest_of(made_by_hand(tmp_path / "sound.tar", FILES))["files"][:1],
        {"name": name, "bytes": 0, "sha256": hashlib.sha256().hexdigest()},
    ]
    path = hostile(tmp_path / "one.tar", [DUMP, (member("x"), b"")], files=files)
    with pytest.raises(BackupError, match="no name of a file in a backup"):
        archive.unpack(path, tmp_path / "unpacked")


@pytest.mark.parametrize("name", ["media/a", "media/covers/1/ab.webp", f"artifacts/{NAME}/a.b.npy"])
def test_a_name_of_ours(name: str):
    assert is_safe(name)


def test_a_long_name_comes_back(tmp_path: Path):
    files = FILES | {"media/" + "/".join(["ü" * 100] * 3): b"long"}
    path = made_by_hand(tmp_path / "one.tar", files)
    archive.unpack(path, tmp_path / "unpacked")
    assert files_below(tmp_path / "unpacked") == files


def test_a_program_of_another_version(monkeypatch, django_db_blocker, tmp_path):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.3'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(postgres, "server_version", lambda connection: 77)
    with (
        django_db_blocker.unblock(),
        pytest.raises(BackupError, match=r"is PostgreSQL 77.*pg_dump is of 12.*client-77"),
    ):
        postgres.dump(connection, "1-1", io.BytesIO(), without=())


def test_the_password_is_on_no_command_line(monkeypatch, tmp_path):
    program, told = tmp_path / "pg_dump", tmp_path / "told"
    program.write_text(f'#!/bin/sh\necho "$@" >{told}\necho "$PGPASSWORD" >>{told}\n')
    program.chmod(0o755)
    monkeypatch.setattr(postgres, "_program", lambda name, version: str(program))
    monkeypatch.setenv("PGHOST", "of.this.shell")

    class Info:
        dsn_parameters = {"host": "db", "user": "bookrec", "dbname": "it's mine"}
        password = "s3cret word"

    class Session:
        info, server_version = Info, 180_004

    class Connection:
        connection = Session

        def ensure_connection(self) -> None:
            """It is there."""

    with (tmp_path / "dump").open("wb") as target:
        postgres.dump(Connection(), "1-1", target, without=["django_session"])
    arguments, password = told.read_text().splitlines()
    assert password == "s3cret word"
    assert "s3cret" not in arguments
    assert "--no-password" in arguments
    assert "host=db" in arguments
