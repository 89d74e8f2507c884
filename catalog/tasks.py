"""Background front doors to the catalogue; they call services and hold no logic."""

from celery import shared_task

from catalog.versions import fold_changes


@shared_task(name="catalog.fold_changes")
def fold_old_changes() -> None:
    """Keep the table short that each list reads to know whether the catalogue has changed."""
    fold_changes()
