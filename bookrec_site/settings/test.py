"""Settings of the test suite: real PostgreSQL and Redis, quick passwords."""

import os
import tempfile
from pathlib import Path

from bookrec_site.settings.artifacts import artifact_storage
from bookrec_site.settings.base import *  # noqa: F403
from bookrec_site.settings.base import MIDDLEWARE, REST_FRAMEWORK

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ARTIFACTS_DIR = Path(tempfile.gettempdir()) / "bookrec-no-artifacts"
ARTIFACTS_CACHE_DIR = ARTIFACTS_DIR / "cache"
# Of this process alone: what another session counts is not what a test has counted.
METRICS_DIR = Path(tempfile.gettempdir()) / f"bookrec-test-metrics-{os.getpid()}"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "artifacts": artifact_storage("", ARTIFACTS_DIR),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Tests of throttling set their own, low rates; the others must not meet them.
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(
    REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "100000/min"
)
# Nothing is collected for tests; Django's own client asks for no static file.
MIDDLEWARE.remove("whitenoise.middleware.WhiteNoiseMiddleware")
ACCOUNT_RATE_LIMITS = False
