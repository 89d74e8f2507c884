"""Which files of counts a process writes: those of a number that it alone has while it lives.

Files by process id, as the library has it, grow by one for every worker that is ever started. A
number is taken up by the next process when its own has ended, files and counts included: there are
as many as processes at one time, and counts never fall.
"""

import fcntl
import os
from itertools import count
from pathlib import Path
from typing import IO, Final

# Room for all that is counted. Taken at once: a mapped file that cannot grow on a full disk would
# kill the process that writes into it.
_ROOM: Final = 1 << 20
_KINDS: Final = ("counter", "histogram")


class Slot:
    """The number of this process in a folder; taken when it is first asked for, by each fork."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid = 0
        self._name = ""
        # The lock lasts as long as the file is open.
        self._lock: IO[str] | None = None

    def __call__(self) -> str:
        """Return the number.

        Raises
        ------
        OSError
            When the folder or the files cannot be made.
        """
        if self._pid != os.getpid():
            self._name = self._take()
            self._pid = os.getpid()
        return self._name

    def _take(self) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            lock = (self._folder / f"{number}.lock").open("a")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            self._lock = lock
            for kind in _KINDS:
                _make_room(self._folder / f"{kind}_{number}.db")
            return str(number)
        raise AssertionError("numbers do not end")


def _make_room(path: Path) -> None:
    with path.open("ab") as file:
        missing = _ROOM - file.tell()
        if missing > 0:
            # Written, not only promised: zeros are a file without any count.
            file.write(bytes(missing))
