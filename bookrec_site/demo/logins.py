"""The accounts of a demo and their passwords, which outlive a restart."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

READER = "reader"
CURATOR = "curator"


@dataclass(frozen=True)
class Login:
    username: str
    password: str


def demo_logins(local_dir: Path, password: str | None) -> list[Login]:
    """The reader's and the curator's login.

    Without `password` each has a random one, made once and kept in a file that its owner alone
    can read: a new one at every start would log everybody out.
    """
    if password is not None:
        return [Login(READER, password), Login(CURATOR, password)]
    kept = _kept_passwords(local_dir / "demo_passwords.json")
    return [Login(name, kept[name]) for name in (READER, CURATOR)]


def _kept_passwords(path: Path) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text())
    except FileNotFoundError:
        kept = None
    except ValueError:
        kept = None  # Cut off in the middle of writing; new ones are as good.
    if isinstance(kept, dict) and all(isinstance(kept.get(n), str) for n in (READER, CURATOR)):
        return kept
    made = {name: secrets.token_urlsafe(9) for name in (READER, CURATOR)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(made, file)
    return made
