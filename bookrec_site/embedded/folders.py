"""Folders that one user alone can enter."""

import contextlib
import os
import pwd
import stat
from pathlib import Path

from bookrec_site.embedded.errors import EmbeddedServiceError


def private_folder(path: Path, user: pwd.struct_passwd | None = None) -> Path:
    """Make sure that `path` is a folder of ours (or of `user`'s) that nobody else can enter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass  # Checked below: in /tmp somebody else may have been quicker.
    else:
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)
    owner = os.geteuid() if user is None else user.pw_uid
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner:
        raise EmbeddedServiceError(
            f"{path} is not a folder of the user with the number {owner}. Remove it and try again."
        )
    path.chmod(0o700)
    return path


def remove_when_empty(path: Path) -> None:
    """Take a folder away that nothing is in any more."""
    with contextlib.suppress(OSError):
        path.rmdir()
