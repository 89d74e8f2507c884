"""The environment, read once, typed; a bad value stops the process with one sentence."""

import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from environs import EnvError

from bookrec_site.settings.recording import RecordingEnv

BASE_DIR = Path(__file__).resolve().parents[2]

env = RecordingEnv()


def local_dir() -> Path:
    """Where everything that this checkout makes for itself lives (never committed)."""
    return Path(env.str("BOOKREC_LOCAL_DIR", default=str(BASE_DIR / ".local"))).resolve()


def is_production() -> bool:
    """Whether BOOKREC_ENV says "production": then nothing has a convenient default."""
    name = env.str("BOOKREC_ENV", default="local")
    if name not in ("local", "production"):
        raise EnvError(f'BOOKREC_ENV is "{name}"; it must be "local" or "production".')
    return name == "production"


def secret(name: str) -> str:
    """Return a value that nobody else should see: NAME, or what the file NAME_FILE holds; or "".

    A file is what Docker's secrets are, and is not shown by `docker inspect`, /proc or a crash
    report. White space around the value is none of it: editors end files with a new line.

    Raises
    ------
    EnvError
        When both are set, or the file cannot be read, is empty or holds more than one line.
    """
    value: str = env.str(name, default="")
    file: str = env.str(f"{name}_FILE", default="")
    if not file:
        return value
    if value:
        raise EnvError(f"{name} and {name}_FILE are both set; one of them must go.")
    try:
        held = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EnvError(f"{name}_FILE cannot be read: {error}") from error
    if not held or len(held.splitlines()) > 1:
        raise EnvError(f"{name}_FILE names {file}, which must hold one line; it does not.")
    return held


def secret_key() -> str:
    """SECRET_KEY from the environment, or this checkout's own key outside production.

    Raises
    ------
    EnvError
        In production when SECRET_KEY is unset or shorter than 32 characters.
    """
    value = secret("SECRET_KEY")
    if value:
        if is_production() and len(value) < 32:
            raise EnvError("SECRET_KEY is shorter than 32 characters.")
        return value
    if is_production():
        raise EnvError(
            "SECRET_KEY is not set. Make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    path = local_dir() / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written apart and linked into place: of two first starts one wins, both read it whole.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:
            draft.write(secrets.token_urlsafe(50))
            draft.flush()
            with suppress(FileExistsError):
                path.hardlink_to(draft.name)
    return path.read_text()
