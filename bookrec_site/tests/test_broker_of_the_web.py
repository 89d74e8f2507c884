"""What the web process sends to a broker that takes the connection and says nothing."""

import socket
from collections.abc import Iterator

import pytest
from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

from bookrec_site import celery


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """A port where connections are made and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_a_broker_that_hangs_is_one_that_is_away(silent_broker) -> None:
    app = Celery("web", broker=silent_broker, set_as_current=False)
    celery.wait_no_longer(app, seconds=0.1)
    with pytest.raises(OperationalError):
        app.send_task("ratings.import_library", args=[1])
    app.close()


def test_what_holds_for_all_processes_is_kept(silent_broker) -> None:
    app = Celery("web", broker=silent_broker, set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    celery.wait_no_longer(app, seconds=0.1)
    everywhere = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    assert everywhere.items() < app.conf.broker_transport_options.items()
    assert "socket_timeout" not in everywhere
    app.close()
