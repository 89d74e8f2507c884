"""Time every page of the site on the data that is in the database, beside a page that is empty.

    .venv/bin/python benchmarks/pages.py [--repeats 30] [NAME…]

The pages are those of bookrec_site/tests/walks/inventory.py, or those of the given names; who
looks at them is made for the purpose in a transaction that is rolled back. A time is that from
the WSGI call to the last byte, every middleware included, sockets not. The empty page goes
through the same middleware and is asked for between the others, so that a busy machine slows
both: times "empty" is the figure to compare, milliseconds are this machine's.
"""

import argparse
import gzip
import os
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, where http.py is
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.signals import request_started  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import close_old_connections, connection, transaction  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import include, path  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from bookrec_site.embedded.commands import services  # noqa: E402
from bookrec_site.tests.walks.inventory import ANSWERS, GUEST, PAGES, Page, sight_name  # noqa: E402
from bookrec_site.tests.walks.people import ALICE, BOB, CHARLIE, World, populate  # noqa: E402


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


# This module is the address book of the benchmark: the site's, and one page that does nothing.
urlpatterns = [path("empty/", empty), path("", include("bookrec_site.urls"))]


class Reader:
    """Asks the site for pages as one reader's browser does."""

    def __init__(self, role: str) -> None:
        from accounts.models import User

        self._application = get_wsgi_application()
        self._cookie = ""
        if role != GUEST:
            from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

            user = User.objects.get(username=role)
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session.save()
            self._cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}"

    def get(self, address: str) -> tuple[int, float, bytes]:
        """Return the status, the seconds and the body of an answer."""
        where, _, query = address.partition("?")
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": where,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "HTTP_COOKIE": self._cookie,
            "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(),
            "wsgi.errors": sys.stderr,
        }
        statuses: list[int] = []

        def start_response(line: str, headers: object, error: object = None) -> Any:
            statuses.append(int(line[:3]))

        begin = time.perf_counter()
        answer = self._application(environ, start_response)
        body = b"".join(answer)
        seconds = time.perf_counter() - begin
        # Not close(), which would let the connection to the database go.
        return statuses[0], seconds, body


def measured(page: Page, role: str, world: World, repeats: int) -> list[str]:
    """Return the cells of a page's row."""
    reader = Reader(role)
    address = page.address(world)
    status, _, body = reader.get(address)
    with CaptureQueriesContext(connection) as queries:
        reader.get(address)
    # Before the next request, which clears the log.
    n_queries = len(queries)
    pages, nothings = [], []
    for _ in range(repeats):
        pages.append(reader.get(address)[1])
        nothings.append(reader.get("/empty/")[1])
    last = quantiles(pages, n=20)[-1]
    return [
        sight_name(page, role),
        "" if status == 200 else str(status),
        f"{1000 * median(pages):.1f}",
        f"{1000 * last:.1f}",
        f"{median(pages) / median(nothings):.0f}",
        str(n_queries),
        f"{len(gzip.compress(body, 6)) / 1000:.1f}",
    ]


def rows(names: list[str], repeats: int) -> Iterator[list[str]]:
    from accounts.models import User
    from catalog.models import Book

    books = list(Book.objects.order_by("-ratings_count", "pk")[:40])
    with transaction.atomic():
        # Whoever has these names has them again afterwards.
        User.objects.filter(username__in=[ALICE, BOB, CHARLIE]).delete()
        world = populate(books, "reads quite a lot")
        for page in (*PAGES, *ANSWERS):
            for role in page.roles:
                if not names or page.name in names:
                    yield measured(page, role, world, repeats)
        transaction.set_rollback(True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    settings.ROOT_URLCONF = "__main__"
    # A request would close a connection that is in the middle of a transaction, as this one is.
    request_started.disconnect(close_old_connections)
    table = Table("page", "status", "median ms", "95 % ms", "times empty", "queries", "kB gzip")
    with services(settings.LOCAL_DIR):
        for row in rows(options.names, options.repeats):
            table.add_row(*row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
