"""Trained files and covers go through their stores, into a backup and back."""

from pathlib import Path

import pytest
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from bookrec_site.backup.archive import Source
from bookrec_site.backup.errors import BackupError
from bookrec_site.backup.stores import Restored, artifact_sources, media_sources
from recommender import artifact_store
from recommender.tests.stored_artifacts import NAME, WEIGHTS, is_what_was_published, publish
from recommender.tests.test_artifact_bucket import bucket, cache  # noqa: F401

COVER = "covers/1/0123456789abcdef01234567.webp"


def unpacked(sources: list[Source], folder: Path) -> Path:
    for source in sources:
        path = folder / source.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with source.open() as file:
            path.write_bytes(file.read())
    return folder


def test_an_artifact_of_a_bucket_comes_back_into_a_bucket(bucket, media, tmp_path):  # noqa: F811
    publish(NAME)
    folder = unpacked(artifact_sources(NAME), tmp_path / "unpacked")
    artifact_store.delete(NAME)
    assert bucket.listing() == []
    restored = Restored()
    restored.put(folder)
    assert is_what_was_published(artifact_store.fetch(NAME))
    restored.remove()
    assert bucket.listing() == []


def test_a_damaged_artifact_is_in_no_backup(artifacts):
    publish(NAME)
    path = artifacts / NAME / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BackupError, match=f"The files of {NAME} cannot be had"):
        artifact_sources(NAME)


def test_covers_come_back_and_what_was_there_stays(media, tmp_path):
    assert media_sources() == []
    default_storage.save(COVER, ContentFile(b"a cover"))
    default_storage.save("covers/2/b.webp", ContentFile(b"another"))
    folder = unpacked(media_sources(), tmp_path / "unpacked")
    default_storage.delete(COVER)
    restored = Restored()
    restored.put(folder)
    assert default_storage.open(COVER).read() == b"a cover"
    restored.remove()
    assert not default_storage.exists(COVER)
    assert default_storage.open("covers/2/b.webp").read() == b"another"


def test_a_cover_that_met_a_full_disk_is_taken_away(media, tmp_path, monkeypatch):
    default_storage.save(COVER, ContentFile(b"a cover"))
    folder = unpacked(media_sources(), tmp_path / "unpacked")
    default_storage.delete(COVER)

    def chunks(file):
        yield b"a c"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(File, "chunks", chunks)
    restored = Restored()
    with pytest.raises(OSError, match="No space left"):
        restored.put(folder)
    assert (media / COVER).read_bytes() == b"a c"
    restored.remove()
    assert not (media / COVER).exists()


def test_another_cover_of_the_name_is_not_overwritten(media, tmp_path):
    default_storage.save(COVER, ContentFile(b"a cover"))
    folder = unpacked(media_sources(), tmp_path / "unpacked")
    (media / COVER).write_bytes(b"another")
    with pytest.raises(BackupError, match=f"another file {COVER} in MEDIA_ROOT"):
        Restored().put(folder)
    assert (media / COVER).read_bytes() == b"another"


def test_a_file_that_no_restore_would_take_is_told(media):
    (media / "covers").mkdir(parents=True)
    (media / "covers" / "a\nb").write_bytes(b"")
    with pytest.raises(BackupError, match=r"'covers/a\\nb' in MEDIA_ROOT was not put there"):
        media_sources()
