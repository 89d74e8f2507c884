"""The Celery application: `celery -A bookrec_site worker --queues …` and `beat`.

What beat sends, and when, is in the database: `bookrec_site.schedule` puts it there.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")

app = Celery("bookrec")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
