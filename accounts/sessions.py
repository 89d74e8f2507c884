"""Sessions in the database, whose keys come from strangers."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore


class SessionStore(DatabaseSessionStore):
    """Takes for a session key only what Django itself makes: letters and digits.

    A cookie may hold any character in octal form, and PostgreSQL refuses to look up a NUL.
    """

    def _validate_session_key(self, key: Any) -> bool:
        return bool(key) and key.isascii() and key.isalnum() and len(key) >= 8
