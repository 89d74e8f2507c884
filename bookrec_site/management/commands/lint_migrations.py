"""`manage.py lint_migrations`: may they run while the site does?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookrec_site.migration_lint import LinterError, lint, not_accepted, own_migrations


class Command(BaseCommand):
    help = (
        "Fail when a migration would stop the site, or break the version that is running while it "
        "is applied. docs/upgrading.md"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = not_accepted(lint())
        except LinterError as error:
            raise CommandError(str(error)) from error
        for finding in found:
            self.stderr.write(
                f"{finding.migration}: {finding.rule}\n  {finding.statement[:160]}\n"
                f"  {finding.message}"
            )
        if found:
            raise CommandError(
                f"{len(found)} findings. docs/upgrading.md says how to do it without downtime; "
                "what has to be is accepted, with its reason, in bookrec_site/migration_lint.toml."
            )
        self.stdout.write(f"{len(own_migrations())} migrations; all found is accepted.")
