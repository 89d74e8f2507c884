"""The journal of curators' changes, written in the transaction of the change itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from catalog.models import CurationChange

Values = dict[str, Any]
# Whoever did it; None: a command.
Curator = AbstractBaseUser | AnonymousUser | None


@dataclass(frozen=True)
class Subject:
    """What a change is about."""

    kind: CurationChange.Subject
    pk: int
    name: str
    book_id: int | None = None


def record(
    subject: Subject,
    action: str,
    *,
    by: Curator,
    reason: str,
    before: Values,
    after: Values,
    undoes: CurationChange | None = None,
) -> CurationChange:
    """Write down what was done; only what differs."""
    return record_many(
        [(subject, before, after)], action, by=by, reason=reason, undoes=undoes
    ).pop()


def record_many(
    rows: Iterable[tuple[Subject, Values, Values]],
    action: str,
    *,
    by: Curator,
    reason: str,
    undoes: CurationChange | None = None,
) -> list[CurationChange]:
    """Write down the same thing done to many: one query."""
    return CurationChange.objects.bulk_create(
        CurationChange(
            by_id=by.pk if by else None,
            subject=subject.kind,
            subject_id=subject.pk,
            name=subject.name[:400],
            book_id=subject.book_id,
            action=action,
            reason=reason,
            before={key: before.get(key) for key in _differing(before, after)},
            after={key: after.get(key) for key in _differing(before, after)},
            undoes=undoes,
        )
        for subject, before, after in rows
    )


def _differing(before: Values, after: Values) -> list[str]:
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]
