"""A bad value in the environment stops the start with one sentence."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

PRODUCTION = {
    "BOOKREC_ENV": "production",
    "SECRET_KEY": "x" * 50,
    "ALLOWED_HOSTS": "books.example.org",
    "DATABASE_URL": "postgresql://bookrec@db/bookrec",
    "REDIS_URL": "redis://cache:6379/0",
}
SHOW = "from django.conf import settings; print({})"


def start(code: str, folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in PRODUCTION and key != "DJANGO_SETTINGS_MODULE"
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=environment
        | {"DJANGO_SETTINGS_MODULE": "bookrec_site.settings.base", "BOOKREC_LOCAL_DIR": str(folder)}
        | changes,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"BOOKREC_ENV": "staging"}, 'must be "local" or "production"'),
        ({"RETRAIN_HOUR": "25"}, "RETRAIN_HOUR"),
        ({"LINEAR_DENSE_BOOKS": "0"}, "LINEAR_DENSE_BOOKS"),
        ({"LINEAR_SUPPORT_BOOKS": "5000"}, "LINEAR_SUPPORT_BOOKS"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"TRUSTED_PROXIES": "1"}, "TRUSTED_PROXIES holds"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES holds"),
        ({"TRUSTED_PROXIES": "proxy.example"}, "TRUSTED_PROXIES holds"),
        ({"THROTTLE_LOGIN": "20"}, "must be a rate such as 20/min"),
        ({"THROTTLE_TOKEN": "0/min"}, "must be a rate such as 600/min"),
        ({"THROTTLE_READER": "many/day"}, "THROTTLE_READER"),
        ({"TOKEN_MAX_DAYS": "0"}, "TOKEN_MAX_DAYS"),
        ({"TOKEN_DAYS": "400"}, "TOKEN_DAYS"),
        ({"DATABASE_URL": "mysql://root@db/books"}, "must name a PostgreSQL database"),
        ({"EMAIL_VERIFICATION": "perhaps"}, "EMAIL_VERIFICATION"),
        ({"EMAIL_URL": "carrier-pigeon://roof"}, "EMAIL_URL names no way to send mail"),
        ({"EMAIL_URL": "smtp://host:port"}, "EMAIL_URL is no address"),
        ({"CORS_ALLOWED_ORIGINS": "https://books.example/path"}, "CORS_ALLOWED_ORIGINS"),
        ({"CORS_ALLOWED_ORIGINS": "*"}, "CORS_ALLOWED_ORIGINS"),
        ({"METRICS_TOKEN": "too short"}, "METRICS_TOKEN needs 20 or more plain characters"),
        ({"METRICS_ADDRESSES": "10.0.0.0/8,everybody"}, "METRICS_ADDRESSES"),
        ({"METRICS_ADDRESSES": "10.1.2.3/8"}, "METRICS_ADDRESSES"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ({"SENTRY_DSN": "sentry.example"}, "SENTRY_DSN is no http or https address"),
        ({"SENTRY_DSN": "https://sentry.example/7"}, "wanted https://KEY@HOST/PROJECT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"ARTIFACTS_URL": "https://bucket/prefix"}, "wanted s3://BUCKET/PREFIX"),
        (PRODUCTION | {"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        (PRODUCTION | {"SECRET_KEY": "short"}, "shorter than 32"),
    ],
)
def test_a_bad_value_is_named(changes: dict[str, str], complaint: str, tmp_path: Path) -> None:
    done = start(SHOW.format("settings.DEBUG"), tmp_path, **changes)
    assert done.returncode != 0
    assert complaint in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("missing", ["ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"])
def test_production_has_no_convenient_defaults(missing: str, tmp_path: Path) -> None:
    given = {key: value for key, value in PRODUCTION.items() if key != missing}
    done = start(SHOW.format("settings.DEBUG"), tmp_path, **given)
    assert done.returncode != 0
    assert missing in done.stderr.strip().splitlines()[-1]


def test_production_binds_cookies_to_https(tmp_path: Path) -> None:
    show = (
        "settings.DEBUG, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, "
        "settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS > 0"
    )
    done = start(SHOW.format(f"({show})"), tmp_path, **PRODUCTION)
    assert done.stdout.strip() == "(False, True, True, True, True)", done.stderr


def test_a_checkout_makes_itself_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    first = start(SHOW.format("settings.SECRET_KEY"), tmp_path).stdout.strip()
    second = start(SHOW.format("settings.SECRET_KEY"), tmp_path).stdout.strip()
    assert len(first) >= 50
    assert first == second
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_mail_goes_where_email_url_says(tmp_path: Path) -> None:
    show = SHOW.format("settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS")
    done = start(show, tmp_path, EMAIL_URL="submission://ann:pass%2Fword@mail.example.org")
    assert done.stdout.strip() == "mail.example.org 587 True", done.stderr


def test_mail_becomes_files_or_in_production_lines_of_the_log(tmp_path: Path) -> None:
    show = SHOW.format("settings.EMAIL_BACKEND.split('.')[-2]")
    assert start(show, tmp_path).stdout.strip() == "filebased"
    assert start(show, tmp_path, **PRODUCTION).stdout.strip() == "console"
