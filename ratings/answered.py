"""Requests that are worked at once, however often a program sends them: Idempotency-Key."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from ratings.errors import KeyReused
from ratings.models import AnsweredRequest

KEPT_FOR = timedelta(hours=24)


def digest_of(address: str, asked: Sequence[Any]) -> str:
    """Return what is the same for the same request: `asked` is what was understood of its body."""
    return hashlib.sha256(json.dumps([address, *asked]).encode("ascii")).hexdigest()


def answer_once(
    *, user: User, key: str, digest: str, work: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """Return the answer to the reader's request of this key, and whether it was given before.

    Work and answer are in the database together or not at all. Of two such requests at the same
    time the second waits, and gets the answer of the first.

    Raises
    ------
    KeyReused
        When the key came with another request in the last day.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).filter(pk=user.pk).values("pk").first()
        now = timezone.now()
        known = AnsweredRequest.objects.filter(user=user, key=key).first()
        if known is None or known.answered_at <= now - KEPT_FOR:
            answer = work()
            AnsweredRequest.objects.bulk_create(
                [
                    AnsweredRequest(
                        user=user, key=key, digest=digest, answer=answer, answered_at=now
                    )
                ],
                update_conflicts=True,
                unique_fields=["user", "key"],
                update_fields=["digest", "answer", "answered_at"],
            )
            return answer, False
    if known.digest != digest:
        raise KeyReused
    return known.answer, True


def forget_answers() -> int:
    """Delete the answers that are not given again; return how many there were."""
    old = AnsweredRequest.objects.filter(answered_at__lte=timezone.now() - KEPT_FOR)
    deleted, _ = old.delete()
    return deleted
