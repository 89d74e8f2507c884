"""`manage.py restore`: a backup into an empty database, all of it or nothing."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from bookrec_site.backup.errors import BackupError
from bookrec_site.backup.restoring import Outcome, check_backup, restore_backup


class Command(BaseCommand):
    help = (
        "Restore what `manage.py backup` wrote into an empty database: all of it, or nothing. "
        "docs/backup.md"
    )

    # A look at every page writes metrics, and imports what an emergency need not wait for.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--check", action="store_true", help="Only read the file and compare its checksums."
        )
        parser.add_argument(
            "--keep-tokens",
            action="store_true",
            help="Let API tokens be valid again, also those that were revoked since.",
        )
        parser.add_argument(
            "--replace",
            action="store_true",
            help="Drop the site's tables that are there; nobody else may use the database.",
        )

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        begun = time.monotonic()
        try:
            if options["check"]:
                made_at = check_backup(file).made_at
                self.stdout.write(f"{file} is whole, made {made_at}.")
                return
            _connect()
            outcome = restore_backup(
                connection,
                file,
                keep_tokens=options["keep_tokens"],
                replace=options["replace"],
                say=self.stdout.write,
            )
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"Nothing was restored: {error}") from error
        self._tell(outcome, time.monotonic() - begun)

    def _tell(self, outcome: Outcome, seconds: float) -> None:
        n_rows = sum(outcome.manifest.tables.values())
        self.stdout.write(
            f"Restored the site of {outcome.manifest.made_at}: {n_rows:,} rows, "
            f"{len(outcome.manifest.runs)} artifacts, in {seconds:.1f} s. Nobody is logged in."
        )
        if outcome.n_tokens_dropped:
            self.stdout.write(f"{outcome.n_tokens_dropped} API tokens were not restored.")
        if outcome.is_to_be_migrated:
            self.stdout.write("Run `manage.py migrate` before you start it.")


def _connect() -> None:
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise CommandError(f"Nothing was restored: {str(error).splitlines()[0]}") from error
