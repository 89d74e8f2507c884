"""The background front door; workers alone import this, and matplotlib with it."""

from celery import shared_task

from reports import services
from reports.document import make_document


@shared_task(name=services.MAKE_TASK)
def make(report_id: int) -> None:
    """Make a queued report."""
    services.fulfil(report_id, make_document)
