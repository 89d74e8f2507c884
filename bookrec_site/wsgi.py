"""The web process: gunicorn's entry point."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")
# Read when numpy is loaded. A list's products are small; BLAS threads would wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
application = get_wsgi_application()

# After Django is ready: who uploads a library does not wait for a broker that hangs,
from bookrec_site.celery import WEB_TIMEOUT, app, wait_no_longer  # noqa: E402

wait_no_longer(app, WEB_TIMEOUT)

# nor the first reader who searches for the index.
from catalog.search.current import holder  # noqa: E402

holder.warm_up()

# What is here now stays until the process ends: looking it through for garbage finds none, and
# would write to pages that the workers share with the process they are forked from.
gc.collect()
gc.freeze()
