"""ARTIFACTS_URL: the bucket where hosts share what was trained."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from environs import EnvError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]*")
_WANTED = "s3://BUCKET/PREFIX?endpoint=https://…&region=…"


def artifact_storage(url: str, folder: Path) -> dict[str, Any]:
    """Return the entry of STORAGES: the folder, or the bucket when there is an address.

    Raises
    ------
    EnvError
        When the address is not of the form s3://BUCKET/PREFIX?endpoint=…&region=…
    """
    if not url:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": folder},
        }
    try:
        parts = urlsplit(url)
        if parts.username is not None or parts.port is not None:
            raise EnvError(
                f"ARTIFACTS_URL must be {_WANTED}; keys go into AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY."
            )
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise EnvError(f"ARTIFACTS_URL is no address ({error}); wanted {_WANTED}") from error
    options = dict(given)
    prefix = parts.path.strip("/")
    if (
        parts.scheme != "s3"
        or not _BUCKET.fullmatch(parts.netloc)
        or not _PREFIX.fullmatch(prefix)
        or ".." in prefix.split("/")
        or parts.fragment
        or len(options) < len(given)
        or not options.keys() <= {"endpoint", "region"}
        or not all(options.values())
    ):
        raise EnvError(f'ARTIFACTS_URL is "{url}"; wanted {_WANTED}')
    endpoint = options.get("endpoint")
    if endpoint is not None:
        try:
            address = urlsplit(endpoint)
            sound = address.scheme in ("http", "https") and bool(address.hostname)
        except ValueError:
            sound = False
        if not sound:
            raise EnvError(f'ARTIFACTS_URL has the endpoint "{endpoint}"; wanted https://HOST')
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": _s3_options(parts.netloc, prefix, endpoint, options.get("region")),
    }


def _s3_options(
    bucket: str, prefix: str, endpoint: str | None, region: str | None
) -> dict[str, Any]:
    # A site on one host never loads what reaches a bucket.
    from botocore.config import Config

    # Other makers' servers know buckets by path, and not all know Amazon's newest checksums.
    style: Any = "auto" if endpoint is None else "path"
    checksums: Any = "when_supported" if endpoint is None else "when_required"
    return {
        "bucket_name": bucket,
        "location": prefix,
        "endpoint_url": endpoint,
        "region_name": region,
        # A name is used once; a name of the storage's own choice would not be found again.
        "file_overwrite": True,
        "default_acl": None,
        # Larger files wait on disk while they come, not in memory.
        "max_memory_size": 8 << 20,
        "client_config": Config(
            connect_timeout=5,
            read_timeout=20,
            retries={"total_max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": style},
            request_checksum_calculation=checksums,
            response_checksum_validation=checksums,
        ),
    }
