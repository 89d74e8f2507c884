"""A backup that is killed, or finds no room, leaves nothing that looks like one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from bookrec_site.backup import archive
from bookrec_site.tests.running_site import site_environment, url_of_database
from bookrec_site.tests.waiting import until
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db(transaction=True)


# Sets its limit when everything is loaded: the first file to meet it is the backup.
WITH_LITTLE_ROOM = """
import resource, sys, django
django.setup()
from django.core.management import ManagementUtility
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
ManagementUtility(["manage.py", "backup", sys.argv[2]]).execute()
"""


def run(folder: Path, media: Path, *arguments: str) -> subprocess.Popen[str]:
    url = url_of_database(connection.settings_dict["NAME"])
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        env=site_environment(url, folder, MEDIA_ROOT=str(media)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def dumps_under_way() -> int:
    with connection.cursor() as cursor:
        # A transaction sees the same statistics all the time.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'pg_dump' AND pid <> pg_backend_pid()"
        )
        (found,) = cursor.fetchone()
    return int(found)


def test_a_backup_that_is_killed_leaves_no_backup(tmp_path, media):
    BookFactory()
    backups = tmp_path / "backups"
    backups.mkdir()
    with transaction.atomic():
        with connection.cursor() as cursor:
            # pg_dump waits for it, and so the backup is under way until we say.
            cursor.execute("LOCK TABLE catalog_book IN ACCESS EXCLUSIVE MODE")
        process = run(tmp_path, media, "manage.py", "backup", str(backups))
        try:
            until(lambda: dumps_under_way() == 1)
            (part,) = backups.iterdir()
            assert part.name.startswith(".") and part.name.endswith(".part")
            assert part.stat().st_mode & 0o777 == 0o600
        finally:
            process.kill()
            process.communicate(timeout=30)
        # It ends with the command that started it, though its lock was never granted.
        until(lambda: dumps_under_way() == 0)
        assert list(backups.iterdir()) == [part]
    call_command("backup", str(backups), verbosity=0)
    (path,) = backups.iterdir()
    assert archive.unpack(path, None).tables["catalog_book"] == 1


def test_another_backups_file_is_left_alone(tmp_path, media):
    with archive.part_of(tmp_path / "other.tar") as file:
        call_command("backup", str(tmp_path), verbosity=0)
        file.write(b"whole")
    assert (tmp_path / "other.tar").read_bytes() == b"whole"
    assert len(list(tmp_path.glob("bookrec-*.tar"))) == 1


def test_only_what_a_killed_backup_left_is_removed(tmp_path, media):
    ours = [tmp_path / ".bookrec-1.tar.0123abcd.part", tmp_path / ".mine.0123abcd.part"]
    foreign = [
        tmp_path / ".film.part",
        tmp_path / ".one.tar.0123ABCD.part",
        tmp_path / ".a.tar.part",
    ]
    for path in [*ours, *foreign]:
        path.write_bytes(b"x")
    folder, link, pipe = (tmp_path / f".{name}.tar.0123abcd.part" for name in "abc")
    folder.mkdir()
    link.symlink_to(foreign[0])
    os.mkfifo(pipe)
    with archive.part_of(tmp_path / "mine") as file:
        file.write(b"whole")
    assert set(tmp_path.iterdir()) == {tmp_path / "mine", *foreign, folder, link, pipe}


@pytest.mark.parametrize(("n_bytes", "complaint"), [(20_000, "pg_dump failed"), (3_000_000, "")])
def test_a_disk_without_room_leaves_no_file(n_bytes: int, complaint: str, tmp_path, media):
    """A limit of the kernel on the size of files: too small for the dump, then for the whole."""
    backups = tmp_path / "backups"
    backups.mkdir()
    cover = media / "covers" / "large.webp"
    cover.parent.mkdir(parents=True)
    cover.write_bytes(os.urandom(4_000_000))
    process = run(tmp_path, media, "-c", WITH_LITTLE_ROOM, str(n_bytes), str(backups))
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"CommandError: {complaint or 'No backup was made: [Errno 27]'}" in said
    assert list(backups.iterdir()) == []
