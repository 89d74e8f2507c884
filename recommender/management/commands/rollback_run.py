"""`manage.py rollback_run`: serve an earlier training run again."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender.errors import NotPossible
from recommender.runs import rollback_run


class Command(BaseCommand):
    help = "Serve an earlier training run again, without training: within seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "run",
            nargs="?",
            type=int,
            help="Number of a retired run; without it the one before the active one.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = rollback_run(options["run"], by=f"{getpass.getuser()} (command)")
        except NotPossible as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Run {run.pk} is live again; every web process serves it from now on.")
