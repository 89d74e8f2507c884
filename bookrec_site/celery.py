"""The Celery application: `celery -A bookrec_site worker --queues …` and `beat`.

What beat sends, and when, is in the database: `bookrec_site.schedule` puts it there.
"""

import os

from celery import Celery
from celery.signals import worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")

app = Celery("bookrec")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Seconds. Redis answers in thousandths of one; who uploads a library waits for it.
WEB_TIMEOUT = 3.0


def wait_no_longer(app: Celery, seconds: float) -> None:
    """Let no broker that hangs hold a process that readers wait for: what it sends fails instead.

    What is not sent is sent again by a periodic task. Workers go on as they are: they have time,
    and a connection that they give up gives back what they are at.
    """
    app.conf.update(
        broker_transport_options={
            **app.conf.broker_transport_options,
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
        },
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0},
    )


@worker_process_init.connect(dispatch_uid="bookrec_site.celery")
def _count_tasks(**kwargs: object) -> None:
    # Only where tasks are done: no other process keeps files of what it counts.
    from bookrec_site.metrics import tasks  # noqa: F401
