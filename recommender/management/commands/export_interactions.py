"""`manage.py export_interactions`: ratings and the to-read shelf as Parquet files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender.interaction_files import ExportError, export


class Command(BaseCommand):
    help = (
        "Write all ratings and to-read entries, numbers of readers and books only, into a folder "
        "of Parquet files, as of one moment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="Made by this; must not hold anything.")
        parser.add_argument("--format", choices=["parquet"], default="parquet")
        parser.add_argument(
            "--partitions",
            type=int,
            default=8,
            help="Files of each table, 1 to 1024; a reader's rows are all in one (default: 8).",
        )
        parser.add_argument(
            "--overwrite",
            action="store_true",
            help="Put it in the place of an earlier export; anything else there is left alone.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = export(
                options["folder"],
                n_partitions=options["partitions"],
                overwrite=options["overwrite"],
            )
        except (ExportError, OSError) as error:
            raise CommandError(str(error)) from error
        n_bytes = sum(facts["bytes"] for facts in manifest.files.values())
        self.stdout.write(
            f"{manifest.n_ratings:,} ratings and {manifest.n_shelved:,} to-read entries of "
            f"{manifest.n_readers:,} readers, as of {manifest.snapshot_at}, in "
            f"{len(manifest.files)} files of {n_bytes / 1e6:.1f} MB together: {options['folder']}"
        )
