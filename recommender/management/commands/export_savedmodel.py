"""`manage.py export_savedmodel`: predicted stars for TensorFlow Serving and other programs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender.errors import ExportError
from recommender.saved_models import export


class Command(BaseCommand):
    help = (
        "Write the predicted stars of the active run as a SavedModel of TensorFlow, to "
        "FOLDER/NUMBER OF THE RUN; see docs/serving.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder",
            type=Path,
            metavar="FOLDER",
            help="Where a server looks for the versions of the model: …/predicted_stars.",
        )
        parser.add_argument(
            "--run",
            type=int,
            metavar="NUMBER",
            help="A run that was active before; without it the active one.",
        )

    def handle(self, *args: Any, folder: Path, run: int | None, **options: Any) -> None:
        try:
            done = export(folder, run)
        except ExportError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.folder}: the predicted stars of run {done.run_id} for {done.n_books:,} books, "
            f"{done.n_bytes / 1e6:.1f} MB, at most {done.apart:.7f} stars from the run's own."
        )
