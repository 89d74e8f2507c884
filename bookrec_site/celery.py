"""The Celery application: `celery -A bookrec_site worker` and `beat`."""

import os

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")

app = Celery("bookrec")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule(sender: Celery, **kwargs: object) -> None:
    """Put the periodic tasks on beat's list: the whole schedule in one place."""
    from django.conf import settings

    from bookrec_site.tasks import clear_expired
    from recommender.tasks import train

    sender.add_periodic_task(
        crontab(hour=str(settings.RETRAIN_HOUR), minute="0"),
        train.s(trigger="schedule"),
        name="nightly training run",
        expires=3600,
    )
    sender.add_periodic_task(
        crontab(minute="30", hour="*/6"),
        clear_expired.s(),
        name="clear expired sessions and tokens",
    )
