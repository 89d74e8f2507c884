"""METRICS_…, LOG_…, SENTRY_… and OTEL_…: what the site shows of itself, and to whom."""

import ipaddress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import EnvError, validate

from bookrec_site.settings.env import env, local_dir, secret

_LEAST_TOKEN = 20


def _token() -> str:
    token = secret("METRICS_TOKEN")
    if token and (len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable()):
        raise EnvError(f"METRICS_TOKEN needs {_LEAST_TOKEN} or more plain characters.")
    return token


def _networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    texts: list[str] = env.list("METRICS_ADDRESSES", default=[])
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text.strip()))
        except ValueError as error:
            raise EnvError(f"METRICS_ADDRESSES: {error}; wanted such as 10.0.0.0/8.") from error
    return found


def _address(name: str, *, needs_key: bool) -> str:
    """Return an http address from the environment; "" where there is none."""
    value = secret(name) if needs_key else env.str(name, default="")
    if not value:
        return ""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnvError(f"{name} is no http or https address.")
    if needs_key and not (parts.username and parts.path.strip("/")):
        raise EnvError(f"{name} is no DSN; wanted https://KEY@HOST/PROJECT.")
    return value


METRICS_TOKEN: str = _token()
METRICS_ADDRESSES = _networks()
METRICS_DIR = Path(env.str("METRICS_DIR", default=str(local_dir() / "metrics")))
LOG_FORMAT: str = env.str("LOG_FORMAT", default="plain", validate=validate.OneOf(["plain", "json"]))
SENTRY_DSN: str = _address("SENTRY_DSN", needs_key=True)
SENTRY_ENVIRONMENT: str = env.str("SENTRY_ENVIRONMENT", default="production")
# OpenTelemetry's own variable; its others are read by its SDK.
OTEL_ENDPOINT: str = _address("OTEL_EXPORTER_OTLP_ENDPOINT", needs_key=False)

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "bookrec_site.request_ids.AddRequestId"}},
    "formatters": {
        "plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{message}{request_id}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["request"],
        }
    },
    "root": {
        "handlers": ["console"],
        "level": env.str(
            "LOG_LEVEL",
            default="INFO",
            validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]),
        ),
    },
}
