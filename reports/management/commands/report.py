"""`manage.py report`: what the data says, as one HTML file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reports.document import make_document


class Command(BaseCommand):
    help = "Make the report of the live data and of the active run: one HTML file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("out", type=Path, metavar="FILE", help="The HTML file to write.")
        parser.add_argument(
            "--book",
            action="append",
            type=int,
            default=[],
            metavar="ID",
            help="A book whose nearest neighbours are shown; may be given several times. "
            "Without it the most rated book of each of the greatest genres.",
        )

    def handle(self, *args: Any, out: Path, book: list[int], **options: Any) -> None:
        if out.is_dir():
            raise CommandError(f"{out} is a folder; name a file.")

        def tell(title: str, seconds: float) -> None:
            if options["verbosity"] > 1:
                self.stdout.write(f"{title}: {seconds:.1f} s")

        made = make_document(book, on_section=tell)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(made.html, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error}") from error
        self.stdout.write(
            f"{out}: {made.n_figures} figures, {len(made.html.encode()) / 1e6:.1f} MB, "
            f"made in {made.seconds:.1f} s."
        )
