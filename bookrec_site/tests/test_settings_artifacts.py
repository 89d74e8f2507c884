from pathlib import Path

import pytest
from django.core.files.storage import storages
from environs import EnvError
from moto import mock_aws

from bookrec_site.settings.artifacts import artifact_storage

FOLDER = Path("artifacts")


def test_without_an_address_artifacts_live_in_the_folder() -> None:
    entry = artifact_storage("", FOLDER)
    assert entry["BACKEND"] == "django.core.files.storage.FileSystemStorage"
    assert entry["OPTIONS"] == {"location": FOLDER}


def test_an_address_names_bucket_prefix_endpoint_and_region() -> None:
    entry = artifact_storage(
        "s3://models/bookrec/live?endpoint=https://minio.example.org:9000&region=eu-west-1", FOLDER
    )
    assert entry["BACKEND"] == "storages.backends.s3.S3Storage"
    options = entry["OPTIONS"]
    assert options["bucket_name"] == "models"
    assert options["location"] == "bookrec/live"
    assert options["endpoint_url"] == "https://minio.example.org:9000"
    assert options["region_name"] == "eu-west-1"
    # No host that hangs may keep a process waiting for a model.
    assert options["client_config"].connect_timeout <= 10
    assert options["client_config"].s3 == {"addressing_style": "path"}


def test_prefix_endpoint_and_region_may_be_left_out() -> None:
    options = artifact_storage("s3://models", FOLDER)["OPTIONS"]
    assert (options["bucket_name"], options["location"]) == ("models", "")
    assert options["endpoint_url"] is None
    assert options["region_name"] is None


@pytest.mark.parametrize(
    "url",
    [
        "models",
        "https://models/prefix",
        "s3://",
        "s3:///prefix",
        "s3://Models/prefix",
        "s3://m/prefix",
        "s3://models/../other",
        "s3://models/a b",
        "s3://models/prefix#part",
        "s3://models/prefix?endpoint",
        "s3://models/prefix?endpoint=",
        "s3://models/prefix?endpoint=minio:9000",
        "s3://models/prefix?endpoint=ftp://minio",
        "s3://models/prefix?endpoint=https://",
        "s3://models/prefix?endpoint=https://[",
        "s3://models/prefix?region=a&region=b",
        "s3://models/prefix?acl=public",
        "s3://models:9000/prefix",
        "s3://models:port/prefix",
        "s3://[",
    ],
)
def test_an_address_that_is_none_says_what_is_wanted(url: str) -> None:
    with pytest.raises(EnvError, match=r"^ARTIFACTS_URL .*(wanted|must be)"):
        artifact_storage(url, FOLDER)


def test_keys_in_the_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(EnvError, match="AWS_SECRET_ACCESS_KEY") as caught:
        artifact_storage("s3://me:hunter2@models/prefix", FOLDER)
    assert "hunter2" not in str(caught.value)


def test_the_storage_of_an_address_keeps_files(settings, monkeypatch) -> None:
    import boto3
    from django.core.files.base import ContentFile

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="models")
        settings.STORAGES = settings.STORAGES | {
            "artifacts": artifact_storage("s3://models/live?region=us-east-1", FOLDER)
        }
        storage = storages["artifacts"]
        for content in (b"one", b"two"):
            assert storage.save("a/b.npy", ContentFile(content)) == "a/b.npy"
        with storage.open("a/b.npy") as file:
            assert file.read() == b"two"
        with pytest.raises(NotImplementedError):
            storage.path("")
