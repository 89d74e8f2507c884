"""Run a program that ends when the process that started it ends, however that one ends.

    python lifeline.py [--signal NAME] [--user NAME [--search-anywhere]] -- PROGRAM ARGUMENT…

Replaces itself by PROGRAM, so the process id stays. With --user it first becomes that user:
PostgreSQL refuses to run as root. --search-anywhere keeps one of root's capabilities, to pass
folders that the user may not enter (a checkout in /root); the folders stay as they are.

The tie to the parent is Linux's PR_SET_PDEATHSIG. It is lost when a process changes its user, so
it comes last. Elsewhere there is none, and the next start clears up what was left behind.

Run as a file, by `python -I -S`: it must start in milliseconds, so it imports nothing of ours.
"""

import argparse
import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522

_ON_LINUX = sys.platform == "linux"


def command(program: Sequence[str], *options: str) -> list[str]:
    """The command line that runs `program` under a lifeline."""
    return [sys.executable, "-I", "-S", __file__, *options, "--", *program]


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="lifeline")
    parser.add_argument("--signal", default="TERM")
    parser.add_argument("--user")
    parser.add_argument("--search-anywhere", action="store_true")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args(argv)
    parent = os.getppid()
    if options.user is not None:
        _become(options.user, search_anywhere=options.search_anywhere)
    if _ON_LINUX:
        _prctl(_PR_SET_PDEATHSIG, getattr(signal, f"SIG{options.signal}"))
        if os.getppid() != parent:
            sys.exit("The parent ended before the program was started.")
    # What Python ignores would be ignored by the program too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(options.program[0], options.program)  # noqa: S606 - no shell is wanted


def _become(name: str, *, search_anywhere: bool) -> None:
    user = pwd.getpwnam(name)
    keep = _ON_LINUX and search_anywhere
    if keep:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if keep:
        _keep_search_capability()


def _keep_search_capability() -> None:
    # Containers usually have the stronger capability only, hence the second choice.
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        bit = 1 << capability
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        # Effective, permitted, inheritable; the second half is for capabilities from 32 on.
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        if ctypes.CDLL(None).capset(header, sets) == 0:
            _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)
            return
    # Without either the program itself will say which folder it could not enter.


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *padded) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])
