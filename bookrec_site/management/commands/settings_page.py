"""`manage.py settings_page`: write docs/settings.md from the code."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookrec_site.settings.page import PAGE, settings_page, write_page


class Command(BaseCommand):
    help = "Write docs/settings.md, the page of every variable of the environment, from the code."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Write nothing; fail when the page is stale."
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        try:
            if not check:
                write_page()
            elif PAGE.read_text() != settings_page():
                raise CommandError("docs/settings.md is stale; run: make settings-page")
        except LookupError as error:
            raise CommandError(str(error)) from error
