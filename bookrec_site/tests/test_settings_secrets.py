"""NAME_FILE: a secret from a file that holds nothing else."""

from pathlib import Path

import pytest

from bookrec_site.tests.test_settings import PRODUCTION, SHOW, start

KEY = "k" * 50


def without(*names: str) -> dict[str, str]:
    return {key: value for key, value in PRODUCTION.items() if key not in names}


def test_secrets_are_read_from_files(tmp_path: Path) -> None:
    for name, value in {
        "key": KEY,
        "password": "p@ss:w/rd%",
        "token": "t" * 20,
        "mail": "submission://ann:secret@mail.example.org",
    }.items():
        # As an editor leaves it.
        (tmp_path / name).write_text(f"{value}\n")
    show = (
        "settings.SECRET_KEY, settings.DATABASES['default']['PASSWORD'], "
        "settings.METRICS_TOKEN, settings.EMAIL_HOST_PASSWORD"
    )
    done = start(
        SHOW.format(show),
        tmp_path,
        **without("SECRET_KEY"),
        SECRET_KEY_FILE=str(tmp_path / "key"),
        DATABASE_PASSWORD_FILE=str(tmp_path / "password"),
        METRICS_TOKEN_FILE=str(tmp_path / "token"),
        EMAIL_URL_FILE=str(tmp_path / "mail"),
    )
    assert done.stdout.split() == [KEY, "p@ss:w/rd%", "t" * 20, "secret"], done.stderr


@pytest.mark.parametrize(
    ("content", "changes", "complaint"),
    [
        (KEY, {"SECRET_KEY": KEY}, "SECRET_KEY and SECRET_KEY_FILE are both set"),
        (None, {}, "SECRET_KEY_FILE cannot be read"),
        (" \n", {}, "must hold one line"),
        (f"{KEY}\n{KEY}\n", {}, "must hold one line"),
        ("short", {}, "shorter than 32"),
        (b"\xff\xfe", {}, "SECRET_KEY_FILE cannot be read"),
    ],
)
def test_a_bad_file_is_named_and_not_shown(
    content: str | bytes | None, changes: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        path.write_bytes(content)
    given = without("SECRET_KEY") | {"SECRET_KEY_FILE": str(path)} | changes
    done = start(SHOW.format("settings.DEBUG"), tmp_path, **given)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert complaint in last
    assert KEY not in last


def test_one_database_has_one_password(tmp_path: Path) -> None:
    given = PRODUCTION | {
        "DATABASE_URL": "postgresql://bookrec:one@db/bookrec",
        "DATABASE_PASSWORD": "two",
    }
    done = start(SHOW.format("settings.DEBUG"), tmp_path, **given)
    assert done.returncode != 0
    assert "DATABASE_PASSWORD another one" in done.stderr.strip().splitlines()[-1]
