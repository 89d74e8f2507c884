"""`manage.py backup`: the whole site in one file, while it goes on."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from bookrec_site.backup.errors import BackupError
from bookrec_site.backup.making import make_backup


class Command(BaseCommand):
    help = (
        "Write database, trained files and uploaded covers into one file that only its owner can "
        "read, while the site goes on. docs/backup.md"
    )

    # A look at every page writes metrics, and imports what an emergency need not wait for.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "target",
            type=Path,
            help="A folder, in which the file is named by the time, or the file's own path.",
        )
        parser.add_argument(
            "--only-active",
            action="store_true",
            help="Of the trained files only those of the active run: nothing to roll back to.",
        )

    def handle(self, *args: Any, target: Path, only_active: bool, **options: Any) -> None:
        begun = time.monotonic()
        say = self.stdout.write if options["verbosity"] > 0 else _nothing
        try:
            path = make_backup(connection, target.absolute(), only_active=only_active, say=say)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"No backup was made: {error}") from error
        except DatabaseError as error:
            # Not there, or of something else; what follows the first line is of the statement.
            raise CommandError(f"No backup was made: {str(error).splitlines()[0]}") from error
        say(
            f"Wrote {path}, {path.stat().st_size / 1e6:,.1f} MB, in "
            f"{time.monotonic() - begun:.1f} s."
        )


def _nothing(text: str) -> None:
    """Say nothing."""
