"""The web process: gunicorn's entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")
application = get_wsgi_application()

# After Django is ready: the first reader who searches does not wait for the index.
from catalog.search.current import holder  # noqa: E402

holder.warm_up()
