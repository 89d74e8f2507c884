"""The web process: gunicorn's entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")
application = get_wsgi_application()
