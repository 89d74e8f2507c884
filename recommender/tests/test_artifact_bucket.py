"""Artifacts in a bucket: real requests of boto3, answered by moto in this process."""

import errno
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import IncompleteReadError
from django.core.files.storage import storages
from moto import mock_aws

from recommender import artifact_bucket, artifact_store
from recommender.artifact_store import StoreUnavailable
from recommender.engine import ArtifactError, load_artifact
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

BUCKET, PREFIX = "models", "bookrec/artifacts"
FILES = ["items.item_ids.npy", "linear.indices.npy", WEIGHTS]


class Bucket:
    """The bucket from outside: what is in it, and what was asked of it."""

    def __init__(self) -> None:
        self.client = boto3.client("s3", region_name="us-east-1")
        self.client.create_bucket(Bucket=BUCKET)
        self.requests: list[tuple[str, str]] = []

    def listing(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [entry["Key"] for entry in found]

    def change(self, file: str, damage: Callable[[bytes], bytes], name: str = NAME) -> None:
        key = f"{PREFIX}/{name}/{file}"
        content = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        self.client.put_object(Bucket=BUCKET, Key=key, Body=damage(content))

    def remove(self, file: str, name: str = NAME) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}/{file}")

    def listen(self) -> None:
        """Keep method and file name of every request that the storage sends from now on."""
        self.requests.clear()
        events = storages["artifacts"].connection.meta.client.meta.events

        def keep(request, **_: object) -> None:
            self.requests.append((request.method, request.url.split("?")[0].rsplit("/", 1)[-1]))

        events.register("before-send.s3", keep)

    def count(self, method: str, file: str) -> int:
        return self.requests.count((method, file))


@pytest.fixture
def cache(settings, tmp_path) -> Path:
    settings.ARTIFACTS_CACHE_DIR = tmp_path / "cache"
    return settings.ARTIFACTS_CACHE_DIR


@pytest.fixture
def bucket(settings, cache, monkeypatch) -> Iterator[Bucket]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        settings.STORAGES = settings.STORAGES | {
            "artifacts": {
                "BACKEND": "storages.backends.s3.S3Storage",
                "OPTIONS": {"bucket_name": BUCKET, "location": PREFIX, "region_name": "us-east-1"},
            }
        }
        yield Bucket()


def cached(cache: Path) -> list[str]:
    """Return the names of the artifacts in the cache, after a look for anything else in it."""
    names = []
    for path in cache.iterdir():
        if path.name in (".lock", artifact_store.DRAFTS):
            continue
        name, _, digest = path.name.partition(".")
        assert load_artifact(path).manifest_sha256 == digest
        names.append(name)
    drafts = cache / artifact_store.DRAFTS
    assert not (drafts.is_dir() and list(drafts.iterdir()))
    return sorted(names)


def empty(cache: Path) -> None:
    """Be another host: nothing in the cache."""
    for path in cache.iterdir():
        if path.is_dir():
            for file in path.iterdir():
                file.unlink()
            path.rmdir()


def test_what_one_host_published_another_fetches(bucket, cache) -> None:
    publish(NAME)
    assert artifact_store.exists(NAME)
    empty(cache)
    folder = artifact_store.fetch(NAME)
    assert folder.parent == cache
    assert is_what_was_published(folder)
    assert artifact_store.size(NAME) == sum(path.stat().st_size for path in folder.iterdir())
    assert cached(cache) == [NAME]
    assert artifact_store.load(NAME, in_memory=True).part("items").array("item_ids").tolist() == [
        5,
        7,
    ]


def test_the_manifest_is_the_last_file_to_arrive(bucket, cache) -> None:
    bucket.listen()
    publish(NAME)
    assert [file for method, file in bucket.requests if method == "PUT"] == [*FILES, "meta.json"]


def test_a_cached_artifact_costs_no_request(bucket, cache) -> None:
    publish(NAME)
    artifact_store.fetch(NAME)
    bucket.listen()
    assert is_what_was_published(artifact_store.fetch(NAME))
    assert bucket.requests == []


def test_each_file_is_downloaded_once(bucket, cache) -> None:
    publish(NAME)
    bucket.listen()
    artifact_store.fetch(NAME)
    gets = Counter(file for method, file in bucket.requests if method == "GET")
    assert gets == dict.fromkeys([*FILES, "meta.json"], 1)


def test_an_upload_that_broke_is_no_artifact(bucket, cache, monkeypatch) -> None:
    storage = storages["artifacts"]
    save = storage.save

    def break_off(name: str, content: object) -> str:
        if name.endswith(WEIGHTS):
            raise ConnectionResetError("the bucket went away")
        return save(name, content)

    monkeypatch.setattr(storage, "save", break_off)
    with pytest.raises(OSError, match="went away"):
        publish(NAME)
    assert bucket.listing() == []
    assert cached(cache) == []


def test_an_upload_whose_process_was_killed_is_no_artifact(bucket, cache, monkeypatch) -> None:
    """Nothing is cleaned up by the dead; the next one does."""
    publish(NAME)
    bucket.remove("meta.json")
    assert not artifact_store.exists(NAME)
    with pytest.raises(ArtifactError, match=r"meta\.json is not in the storage"):
        artifact_store.fetch(NAME)
    assert cached(cache) == []
    assert artifact_store.orphans(()) == []
    monkeypatch.setattr(artifact_store, "ORPHANED_AFTER_SECONDS", -3600)
    assert artifact_store.orphans(()) == [NAME]
    assert artifact_store.orphans({NAME}) == []
    artifact_store.delete(NAME)
    assert bucket.listing() == []


def test_a_name_is_never_published_twice(bucket, cache) -> None:
    publish(NAME, seed=1)
    with pytest.raises(ArtifactError, match="never changed"):
        publish(NAME, seed=2)
    assert is_what_was_published(artifact_store.fetch(NAME), seed=1)


@pytest.mark.parametrize(
    ("file", "damage", "complaint"),
    [
        (WEIGHTS, truncated, "bytes, not"),
        (WEIGHTS, flipped, "checksum of run-000001-0a1b2c3d/linear.weights.npy"),
        ("meta.json", truncated, "not JSON"),
        ("meta.json", lambda content: b" " * (2 << 20), "too many"),
    ],
)
def test_what_was_damaged_in_the_bucket_is_refused_and_leaves_nothing(
    bucket, cache, file, damage, complaint
) -> None:
    publish(OTHER)
    artifact_store.fetch(OTHER)
    publish(NAME)
    bucket.change(file, damage)
    with pytest.raises(ArtifactError, match=complaint):
        artifact_store.fetch(NAME)
    assert cached(cache) == [OTHER]


def test_a_file_that_is_missing_in_the_bucket_is_named(bucket, cache) -> None:
    publish(NAME)
    bucket.remove(WEIGHTS)
    with pytest.raises(ArtifactError, match=f"{WEIGHTS} is not in the storage"):
        artifact_store.fetch(NAME)
    assert cached(cache) == []


@pytest.fixture
def broken_download(bucket, monkeypatch) -> Iterator[None]:
    """The line breaks while the weights of NAME come; the next try gets through."""
    from storages.backends.s3 import S3File

    read = S3File.read
    broken: list[str] = []

    def break_once(file: S3File, *arguments: int) -> bytes:
        if file.name == f"{NAME}/{WEIGHTS}" and not broken:
            broken.append(file.name)
            raise IncompleteReadError(actual_bytes=10, expected_bytes=16_128)
        return read(file, *arguments)

    monkeypatch.setattr(S3File, "read", break_once)
    yield
    assert broken


def test_after_a_broken_download_only_the_rest_is_fetched(bucket, cache, broken_download) -> None:
    publish(OTHER)
    artifact_store.fetch(OTHER)
    publish(NAME)
    with pytest.raises(StoreUnavailable, match="IncompleteRead"):
        artifact_store.fetch(NAME)
    part = cache / f"{NAME}.part"
    assert WEIGHTS not in {path.name for path in part.iterdir()}
    assert not list(part.glob(".*"))
    assert is_what_was_published(artifact_store.fetch(OTHER))

    here = {path.name for path in part.iterdir()} - {"meta.json"}
    bucket.listen()
    assert is_what_was_published(artifact_store.fetch(NAME))
    assert bucket.count("GET", WEIGHTS) == 1
    assert all(bucket.count("GET", file) == 0 for file in here)
    assert here
    assert cached(cache) == [NAME, OTHER]


class FullDisk(io.FileIO):
    def write(self, content: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_what_was_cached_and_no_debris(bucket, cache, monkeypatch) -> None:
    publish(OTHER)
    artifact_store.fetch(OTHER)
    publish(NAME)
    open_path = Path.open

    def fill_up(path: Path, mode: str = "r", *arguments: object, **named: object) -> object:
        if path.name == f".{WEIGHTS}.download":
            return FullDisk(path, mode)
        return open_path(path, mode, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fill_up)
        with pytest.raises(OSError, match="No space left") as caught:
            artifact_store.fetch(NAME)
    assert not isinstance(caught.value, StoreUnavailable)
    assert cached(cache) == [OTHER]
    assert is_what_was_published(artifact_store.fetch(OTHER))
    assert is_what_was_published(artifact_store.fetch(NAME))


@pytest.mark.parametrize("damage", [truncated, flipped])
def test_only_the_damaged_file_of_the_cache_is_fetched_again(bucket, cache, damage) -> None:
    publish(NAME)
    folder = artifact_store.fetch(NAME)
    before = artifact_store.look_at(NAME)
    spoil(folder / WEIGHTS, damage)
    (folder / "linear.more.npy").write_bytes(b"")
    assert artifact_store.look_at(NAME) != before
    bucket.listen()
    assert is_what_was_published(artifact_store.fetch(NAME))
    assert [bucket.count("GET", file) for file in FILES] == [0, 0, 1]
    assert cached(cache) == [NAME]


def test_the_cache_serves_while_the_bucket_is_away(bucket, cache) -> None:
    publish(NAME)
    artifact_store.fetch(NAME)
    publish(OTHER)
    for key in bucket.listing():
        bucket.client.delete_object(Bucket=BUCKET, Key=key)
    bucket.client.delete_bucket(Bucket=BUCKET)
    assert is_what_was_published(artifact_store.fetch(NAME))
    with pytest.raises((StoreUnavailable, ArtifactError)):
        artifact_store.fetch(OTHER)
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        artifact_store.orphans(())


def test_the_cache_keeps_what_was_used_last(bucket, cache) -> None:
    names = [f"run-00000{n}-0a1b2c3d" for n in range(1, 6)]
    for place, name in enumerate(names):
        publish(name, seed=place)
        # A clock that ticks once a second could not tell them apart.
        os.utime(artifact_store.fetch(name), (place, place))
    assert cached(cache) == names[-artifact_bucket.KEPT_IN_CACHE :]
    artifact_store.fetch(names[2])
    artifact_store.fetch(names[0])
    assert cached(cache) == [names[0], names[2], names[4]]


def test_a_download_that_nobody_goes_on_with_is_pruned(bucket, cache, broken_download) -> None:
    publish(NAME)
    with pytest.raises(StoreUnavailable):
        artifact_store.fetch(NAME)
    publish(OTHER)
    artifact_store.fetch(OTHER)
    assert cached(cache) == [OTHER]


def test_what_was_deleted_is_gone_everywhere(bucket, cache) -> None:
    publish(NAME)
    publish(OTHER)
    artifact_store.fetch(NAME)
    artifact_store.delete(NAME)
    artifact_store.delete(NAME)
    assert all(OTHER in key for key in bucket.listing())
    assert len(bucket.listing()) == len(FILES) + 1
    assert cached(cache) == []
    assert not artifact_store.exists(NAME)


def test_what_cannot_be_deleted_now_is_logged(bucket, cache, caplog) -> None:
    bucket.client.delete_bucket(Bucket=BUCKET)
    artifact_store.delete(NAME)
    assert f"artifact {NAME} was not deleted whole" in caplog.text


def test_a_draft_lies_on_this_host(bucket, cache) -> None:
    with artifact_store.draft(NAME) as folder:
        write(folder)
        assert folder.is_relative_to(cache)
        assert bucket.listing() == []
    assert cached(cache) == []
