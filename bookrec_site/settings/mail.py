"""EMAIL_URL and MAIL_FROM: how the site sends mail."""

from pathlib import Path
from typing import Any

import dj_email_url
from environs import EnvError

from bookrec_site.settings.env import secret

_WANTED = "submission://USER:PASSWORD@HOST:587, or smtp://HOST without encryption"
_KEYS = (
    "EMAIL_BACKEND",
    "EMAIL_FILE_PATH",
    "EMAIL_HOST",
    "EMAIL_PORT",
    "EMAIL_HOST_USER",
    "EMAIL_HOST_PASSWORD",
    "EMAIL_USE_SSL",
    "EMAIL_USE_TLS",
)
# A mail server that hangs must not hold a web process for long.
_TIMEOUT_SECONDS = 10


def mail_settings(local_dir: Path, *, production: bool) -> dict[str, Any]:
    """Return Django's settings of mail.

    Without EMAIL_URL mails become files under `local_dir`; in production they go to the log, which
    is no way to run a site, but no reason to refuse to start.

    Raises
    ------
    EnvError
        When EMAIL_URL is no address of a mail server.
    """
    url = secret("EMAIL_URL")
    if not url:
        if production:
            return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(local_dir / "mail"),
        }
    try:
        given = dj_email_url.parse(url)
    except ValueError as error:
        raise EnvError(f"EMAIL_URL is no address ({error}); wanted {_WANTED}") from error
    if "EMAIL_BACKEND" not in given:
        raise EnvError(f"EMAIL_URL names no way to send mail; wanted {_WANTED}")
    return {key: given[key] for key in _KEYS} | {"EMAIL_TIMEOUT": _TIMEOUT_SECONDS}
