"""The environment, read once, typed; a bad value stops the process with one sentence."""

import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from environs import Env, EnvError

BASE_DIR = Path(__file__).resolve().parents[2]

env = Env()


def local_dir() -> Path:
    """Where everything that this checkout makes for itself lives (never committed)."""
    return Path(env.str("BOOKREC_LOCAL_DIR", default=str(BASE_DIR / ".local"))).resolve()


def is_production() -> bool:
    """Whether BOOKREC_ENV says "production": then nothing has a convenient default."""
    name = env.str("BOOKREC_ENV", default="local")
    if name not in ("local", "production"):
        raise EnvError(f'BOOKREC_ENV is "{name}"; it must be "local" or "production".')
    return name == "production"


def secret_key() -> str:
    """SECRET_KEY from the environment, or this checkout's own key outside production.

    Raises
    ------
    EnvError
        In production when SECRET_KEY is unset or shorter than 32 characters.
    """
    value = env.str("SECRET_KEY", default="")
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
