"""Artifacts in a folder."""

import os
from pathlib import Path

import pytest

from recommender import artifact_store
from recommender.engine import ArtifactError
from recommender.tests.stored_artifacts import (
    NAME,
    OTHER,
    WEIGHTS,
    flipped,
    is_what_was_published,
    publish,
    spoil,
    truncated,
    write,
)


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_what_was_published_is_served_where_it_lies(artifacts) -> None:
    assert not artifact_store.exists(NAME)
    publish(NAME)
    assert artifact_store.exists(NAME)
    folder = artifact_store.fetch(NAME)
    assert folder == artifacts / NAME
    assert is_what_was_published(folder)
    assert artifact_store.size(NAME) == sum(path.stat().st_size for path in folder.iterdir())


def test_publishing_moves_the_draft_and_copies_nothing(artifacts) -> None:
    with artifact_store.draft(NAME) as folder:
        write(folder)
        inode = (folder / WEIGHTS).stat().st_ino
        artifact_store.publish(folder, NAME)
    assert (artifacts / NAME / WEIGHTS).stat().st_ino == inode
    assert not any((artifacts / artifact_store.DRAFTS).iterdir())


def test_a_draft_that_was_not_published_leaves_nothing(artifacts) -> None:
    with pytest.raises(RuntimeError, match="no good"), artifact_store.draft(NAME) as folder:
        write(folder)
        raise RuntimeError("the fit was no good")
    assert everything_below(artifacts) == {artifact_store.DRAFTS}


def test_a_full_disk_while_writing_leaves_nothing(artifacts, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        publish(NAME)
    assert everything_below(artifacts) == {artifact_store.DRAFTS}
    assert not artifact_store.exists(NAME)


def test_an_artifact_is_never_published_twice(artifacts) -> None:
    publish(NAME, seed=1)
    with pytest.raises(ArtifactError, match="never changed"):
        publish(NAME, seed=2)
    assert is_what_was_published(artifact_store.fetch(NAME), seed=1)


@pytest.mark.parametrize("damage", [truncated, flipped])
def test_a_damaged_draft_is_not_published(artifacts, damage) -> None:
    with artifact_store.draft(NAME) as folder:
        write(folder)
        spoil(folder / WEIGHTS, damage)
        with pytest.raises(ArtifactError):
            artifact_store.publish(folder, NAME)
    assert not artifact_store.exists(NAME)


@pytest.mark.parametrize("damage", [truncated, flipped])
def test_a_damaged_artifact_is_not_fetched(artifacts, damage) -> None:
    publish(NAME)
    before = artifact_store.look_at(NAME)
    assert artifact_store.look_at(NAME) == before
    spoil(artifacts / NAME / WEIGHTS, damage)
    assert artifact_store.look_at(NAME) != before
    for load in (artifact_store.fetch, artifact_store.load):
        with pytest.raises(ArtifactError, match=WEIGHTS):
            load(NAME)


def test_a_folder_without_manifest_is_no_artifact(artifacts) -> None:
    publish(NAME)
    (artifacts / NAME / "meta.json").unlink()
    assert not artifact_store.exists(NAME)
    with pytest.raises(ArtifactError, match=r"no meta\.json"):
        artifact_store.fetch(NAME)


def test_what_was_deleted_is_gone_and_may_be_deleted_again(artifacts) -> None:
    publish(NAME)
    publish(OTHER)
    (artifacts / artifact_store.DRAFTS / f".{NAME}.staging-0a").mkdir()
    artifact_store.delete(NAME)
    artifact_store.delete(NAME)
    assert not artifact_store.exists(NAME)
    assert artifact_store.exists(OTHER)
    assert not any((artifacts / artifact_store.DRAFTS).iterdir())


def test_an_artifact_in_memory_outlives_its_files(artifacts) -> None:
    publish(NAME)
    loaded = artifact_store.load(NAME, in_memory=True)
    weights = loaded.part("linear").array("weights").copy()
    os.truncate(artifacts / NAME / WEIGHTS, 0)
    assert (loaded.part("linear").array("weights") == weights).all()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../run-000001-0a1b2c3d",
        "run-000001-0a1b2c3d/..",
        "run-000001-0a1b2c3d/",
        "run-000001-0a1b2c3d\n",
        "/etc",
        "run-1-0a1b2c3d",
        "run-000001-0A1B2C3D",
        "run-٠٠٠٠٠١-0a1b2c3d",
        "run-000001",
        "*",
    ],
)
def test_a_name_that_is_none_reaches_no_file(artifacts, name: str) -> None:
    publish(NAME)
    for act in (
        artifact_store.fetch,
        artifact_store.load,
        artifact_store.exists,
        artifact_store.size,
        artifact_store.look_at,
        artifact_store.delete,
        lambda name: artifact_store.publish(artifacts / NAME, name),
    ):
        with pytest.raises(ArtifactError, match="no artifact's name"):
            act(name)
    with pytest.raises(ArtifactError, match="no artifact's name"), artifact_store.draft(name):
        pytest.fail("a draft was opened")
    assert artifact_store.exists(NAME)


def test_new_names_are_names_and_never_the_same() -> None:
    names = {artifact_store.new_name(run_id) for run_id in (1, 1, 999_999, 1_000_000)}
    assert len(names) == 4
    assert all(artifact_store.is_name(name) for name in names)


def test_orphans_are_old_and_unknown(artifacts) -> None:
    for name in (NAME, OTHER, "run-000003-0a1b2c3d"):
        publish(name)
    left_over = artifacts / artifact_store.DRAFTS / ".run-000004-0a1b2c3d.staging-0a1b"
    left_over.mkdir()
    (artifacts / "notes").mkdir()
    assert artifact_store.orphans({NAME}) == []
    for path in (artifacts / NAME, artifacts / OTHER, left_over, artifacts / "notes"):
        os.utime(path, (0, 0))
    assert artifact_store.orphans({NAME}) == [OTHER, "run-000004-0a1b2c3d"]
    for name in artifact_store.orphans({NAME}):
        artifact_store.delete(name)
    assert artifact_store.orphans({NAME}) == []
    assert not left_over.exists()


def test_a_folder_store_that_does_not_exist_yet_is_empty(artifacts) -> None:
    assert not artifacts.exists()
    assert artifact_store.orphans(()) == []
    artifact_store.delete(NAME)
    with pytest.raises(ArtifactError, match="no such folder"):
        artifact_store.fetch(NAME)
