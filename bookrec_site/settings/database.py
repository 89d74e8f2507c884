"""DATABASE_URL and DATABASE_PASSWORD: where PostgreSQL is, and how it knows the site."""

from typing import Any

from environs import EnvError

from bookrec_site.settings.env import env, secret


def database(default_url: str | None) -> dict[str, Any]:
    """Return the entry of DATABASES; `default_url` where the environment names no server.

    Raises
    ------
    EnvError
        When DATABASE_URL is missing or names no PostgreSQL, or there are two passwords.
    """
    given: dict[str, Any]
    if default_url is None:
        given = dict(env.dj_db_url("DATABASE_URL"))
    else:
        given = dict(env.dj_db_url("DATABASE_URL", default=default_url))
    if given["ENGINE"] != "django.db.backends.postgresql":
        raise EnvError("DATABASE_URL must name a PostgreSQL database: postgresql://…")
    password = secret("DATABASE_PASSWORD")
    if password:
        if given["PASSWORD"]:
            raise EnvError("DATABASE_URL holds a password, and DATABASE_PASSWORD another one.")
        given["PASSWORD"] = password
    return given | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
