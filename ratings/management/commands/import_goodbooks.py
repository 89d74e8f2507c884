"""Import goodbooks-10k: `manage.py import_goodbooks PATH` or `--auto`."""

import os
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.utils import timezone

if TYPE_CHECKING:
    from catalog.goodbooks.progress import Progress
    from ratings.goodbooks.choosing import Choice

# What reads and loads millions of rows (numpy, rich) is imported by `handle` alone.


class Command(BaseCommand):
    help = (
        "Import the goodbooks-10k data set (today's variant or the older one of Kaggle) from a "
        "folder, a zip file or a URL. Importing the same files again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path", nargs="?", metavar="PATH", help="folder or zip file with the CSV files, or URL"
        )
        parser.add_argument(
            "--auto",
            action="store_true",
            help="take GOODBOOKS_DIR, else data/goodbooks, else download the official release "
            "(GOODBOOKS_URL), else, without a network, the built-in set",
        )
        parser.add_argument(
            "--skipped",
            type=Path,
            metavar="FILE",
            help="CSV to list the rows in that could not be used (default: under "
            f"{settings.LOCAL_DIR / 'imports'})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from catalog.goodbooks.errors import DatasetError, ImportRunningError

        if bool(options["path"]) == options["auto"]:
            raise CommandError("Give either PATH or --auto.", returncode=2)
        try:
            self._import(options)
        except ImportRunningError as error:
            raise CommandError(str(error)) from error
        except DatasetError as error:
            raise CommandError(f"{error} Nothing was changed.", returncode=2) from error
        except DatabaseError as error:
            reason = str(error).strip().partition("\n")[0]
            raise CommandError(
                f"The database refused the import: {reason}. Nothing was changed."
            ) from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Nothing was changed.", returncode=130) from None

    def _import(self, options: dict[str, Any]) -> None:
        from catalog.goodbooks.download import verify_files
        from catalog.goodbooks.source import open_dataset
        from ratings.goodbooks.importing import import_dataset, is_already_imported
        from ratings.goodbooks.showing import show_progress, summary

        began = time.perf_counter()
        verbosity = options["verbosity"]
        # What is said goes between two displays of progress, never through one.
        with show_progress(self.stdout, verbosity) as progress:
            choice = self._choose(options["path"], progress)
        if options["auto"]:
            self._say(f"Data: {choice.why}.", verbosity)
        if choice.path is None:
            return
        result = None
        with (
            show_progress(self.stdout, verbosity) as progress,
            open_dataset(choice.path, progress) as files,
        ):
            if choice.unverified:
                verify_files(files, choice.unverified)
            if not (options["auto"] and is_already_imported(choice.source, files.digest)):
                result = import_dataset(
                    files,
                    source=choice.source,
                    skipped_path=options["skipped"] or _default_skipped_path(),
                    progress=progress,
                )
        self._say(
            summary(result, time.perf_counter() - began)
            if result
            else "These files are imported already. Nothing changed.",
            verbosity,
        )

    def _choose(self, path: str | None, progress: "Progress") -> "Choice":
        from catalog.goodbooks.download import OFFICIAL, OFFICIAL_URL, is_url
        from catalog.models import Source
        from ratings.goodbooks.choosing import Choice, choose_dataset, fetch_release

        if path is None:
            return choose_dataset(
                os.environ,
                project_dir=settings.BASE_DIR,
                local_dir=settings.LOCAL_DIR,
                progress=progress,
            )
        if is_url(path):
            release = OFFICIAL if path == OFFICIAL_URL else None
            return fetch_release(path, settings.LOCAL_DIR, progress, release)
        return Choice(Path(path), Source.GOODBOOKS, path)

    def _say(self, text: str, verbosity: int) -> None:
        if verbosity > 0:
            self.stdout.write(text)


def _default_skipped_path() -> Path:
    folder: Path = settings.LOCAL_DIR / "imports"
    return folder / f"skipped-{timezone.now():%Y%m%d-%H%M%S-%f}.csv"
