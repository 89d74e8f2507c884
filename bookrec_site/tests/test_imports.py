"""What the web process may not load: it ranks, it never trains."""

import subprocess
import sys

from django.conf import settings

from bookrec_site.celery import WEB_TIMEOUT

HEAVY = ["tensorflow", "keras", "pandas", "sklearn", "lightgbm", "matplotlib", "scipy.linalg"]

PROGRAM = f"""
import sys
from django.test import Client
import bookrec_site.wsgi
from django.urls import get_resolver
get_resolver().url_patterns
Client().get("/health/live", HTTP_HOST="localhost")
print(",".join(name for name in {HEAVY} if name in sys.modules))
with bookrec_site.wsgi.app.connection_for_write() as broker:
    print(broker.default_channel.client.connection_pool.connection_kwargs["socket_timeout"])
"""


def test_the_web_process_imports_nothing_that_trains_and_waits_for_no_broker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    imported, timeout = done.stdout.splitlines()
    assert imported == ""
    assert float(timeout) == WEB_TIMEOUT
