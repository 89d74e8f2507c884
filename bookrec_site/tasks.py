"""Housekeeping that belongs to no one app."""

import logging

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone

from accounts.models import ApiToken
from accounts.open_sessions import forget_ended_sessions
from bookrec_site.operations.alerts import tell_operators

logger = logging.getLogger(__name__)


@shared_task(name="bookrec.clear_expired")
def clear_expired() -> None:
    """Delete expired sessions and API tokens; safe to run twice."""
    call_command("clearsessions")
    forgotten = forget_ended_sessions()
    deleted, _ = ApiToken.objects.filter(expiry__lt=timezone.now()).delete()
    logger.info("cleared %d ended sessions and %d expired tokens", forgotten, deleted)


@shared_task(name="bookrec.watch")
def watch() -> None:
    """Look for what operators have to know of, and tell them once."""
    tell_operators()
