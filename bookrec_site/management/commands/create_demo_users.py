"""`manage.py create_demo_users`: the reader and the curator of a demo."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bookrec_site.demo.errors import DemoError
from bookrec_site.demo.logins import demo_logins
from bookrec_site.demo.options import DemoOptions
from bookrec_site.demo.users import create_demo_users


class Command(BaseCommand):
    help = (
        "Make the demo's accounts: reader, and curator (staff). DEMO_PASSWORD sets both passwords."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Accounts with well-known names do not belong on a public site.")
        try:
            password = DemoOptions.from_environment().password
        except DemoError as error:
            raise CommandError(str(error)) from error
        logins = demo_logins(settings.LOCAL_DIR, password)
        create_demo_users(logins)
        names = " and ".join(login.username for login in logins)
        self.stdout.write(f"The accounts {names} are there.")
