"""The sessions that a reader has open, here and on other devices."""

import time
from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone

from accounts.addresses import client_address
from accounts.models import User

# A visit is written down at most so often: a page that is only read should not write.
NOTE_EVERY_SECONDS = 600
_SEEN_AT = "seen_at"


@dataclass(frozen=True)
class OpenSession:
    id: int
    address: str
    user_agent: str
    started_at: datetime
    last_seen_at: datetime
    is_current: bool


def note_log_in(request: HttpRequest, user: User) -> None:
    """Write down that a session of the reader began."""
    request.session[_SEEN_AT] = int(time.time())
    if not request.session.session_key:
        request.session.save()
    _write_down(request, user)


def note_visit(request: HttpRequest) -> None:
    """Write down that the session is in use, unless that was done a moment ago."""
    if SESSION_KEY not in request.session:
        return
    seen_at = request.session.get(_SEEN_AT, 0)
    if time.time() - seen_at < NOTE_EVERY_SECONDS or not isinstance(request.user, User):
        return
    request.session[_SEEN_AT] = int(time.time())
    _write_down(request, request.user)


def _write_down(request: HttpRequest, user: User) -> None:
    longest = UserSession._meta.get_field("user_agent").max_length
    UserSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "ip": client_address(request),
            # PostgreSQL takes no NUL, and a header may be anything.
            "user_agent": request.headers.get("User-Agent", "").replace("\0", "")[:longest],
            "last_seen_at": timezone.now(),
        },
    )


def open_sessions(user: User, current_key: str | None) -> list[OpenSession]:
    """Return the sessions in which the reader is logged in now, the latest visit first.

    What ended otherwise (log-out, expiry, a new password) is forgotten on the way.
    """
    noted = {session.session_key: session for session in UserSession.objects.filter(user=user)}
    alive = {
        stored.session_key
        for stored in Session.objects.filter(
            session_key__in=noted.keys(), expire_date__gt=timezone.now()
        )
        if _is_of(stored, user)
    }
    if gone := noted.keys() - alive:
        UserSession.objects.filter(session_key__in=gone).delete()
    found = [
        OpenSession(
            id=session.pk,
            address=session.ip,
            user_agent=session.user_agent,
            started_at=session.created_at,
            last_seen_at=session.last_seen_at,
            is_current=session.session_key == current_key,
        )
        for key, session in noted.items()
        if key in alive
    ]
    return sorted(
        found, key=lambda session: (not session.is_current, -session.last_seen_at.timestamp())
    )


def _is_of(stored: Session, user: User) -> bool:
    """Return whether the session logs the reader in: it was opened with the present password."""
    data = stored.get_decoded()
    return (
        data.get(SESSION_KEY) == str(user.pk)
        and data.get(HASH_SESSION_KEY) == user.get_session_auth_hash()
    )


@transaction.atomic
def end_session(user: User, session_id: int) -> bool:
    """End one session of the reader; False when there is no such session of theirs."""
    session = UserSession.objects.filter(user=user, pk=session_id).first()
    if session is None:
        return False
    _end([session.session_key])
    return True


@transaction.atomic
def end_sessions(user: User, *, but: str | None = None) -> int:
    """End all sessions of the reader, except the one with that key; return how many."""
    keys = UserSession.objects.filter(user=user).exclude(session_key=but or "")
    return _end(list(keys.values_list("session_key", flat=True)))


def forget_ended_sessions() -> int:
    """Forget addresses and browsers of sessions that are over; return how many."""
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    forgotten: int = UserSession.objects.filter(~Exists(alive)).delete()[0]
    return forgotten


def _end(keys: list[str]) -> int:
    Session.objects.filter(session_key__in=keys).delete()
    ended: int = UserSession.objects.filter(session_key__in=keys).delete()[0]
    return ended
