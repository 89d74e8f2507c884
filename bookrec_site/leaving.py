"""How gunicorn ends without losing a request that reached it.

    gunicorn --config python:bookrec_site.leaving --worker-class bookrec_site.web_worker.Worker …

By itself a gunicorn that is told to end takes no more connections, but its socket stays open until
its last request is answered: the kernel goes on letting proxies in, and resets them at the end. A
proxy sends a GET to another host then, but no POST: it cannot know whether that was done.

Here the door is shut first: the kernel lets nobody in any more, who is in is answered, and then
the socket is closed. Whoever knocks is refused before anything was sent, so that nginx asks another
host, whatever the request is.
"""

import ctypes
import errno
import logging
import mmap
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

logger = logging.getLogger(__name__)

# Of Linux: asm-generic/socket.h, linux/filter.h (BPF_RET | BPF_K: how much of a packet is taken).
_SO_ATTACH_FILTER: Final = 26
_TAKE_NOTHING: Final = struct.pack("HBBI", 0x06, 0, 0, 0)
# tcpi_unacked in struct tcp_info; of a listening socket, how many connections wait to be accepted.
_N_WAITING: Final = slice(24, 28)
# One byte that the workers have in common with gunicorn, which they are forked from.
_is_shut: Final = mmap.mmap(-1, 1)


def when_ready(server: Any) -> None:
    """Have gunicorn shut the door before it ends; gunicorn calls this by its name."""

    def leave(number: int, frame: object) -> None:
        if sys.platform == "linux":
            try:
                for listener in server.LISTENERS:
                    if listener.sock.family in (socket.AF_INET, socket.AF_INET6):
                        shut(listener.sock)
                _is_shut[0] = 1
            except OSError:  # a sandbox that forbids it; gunicorn ends as it does by itself
                logger.exception("The door cannot be shut; who knocks now may be reset")
        server.signal(number, frame)

    signal.signal(signal.SIGTERM, leave)


def is_shut() -> bool:
    """Return whether gunicorn ends; false in a worker that ends alone, for another to follow."""
    return bool(_is_shut[0])


def shut(listener: socket.socket) -> None:
    """Let nobody in any more."""
    program = ctypes.create_string_buffer(_TAKE_NOTHING, len(_TAKE_NOTHING))
    # struct sock_fprog: one instruction, and where it is.
    listener.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program))
    )


def take_in_the_rest(listener: Any, accept: Callable[[Any], None]) -> None:
    """Accept all who came in before the door was shut, and listen no more.

    Who knocked meanwhile, and does so again, is refused. Several workers may do this at once.
    """
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    while n_waiting(listener):
        accept(listener)
    try:
        listener.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        # Another worker was first.
        if error.errno != errno.ENOTCONN:
            raise


def n_waiting(listener: Any) -> int:
    """Return how many connections a TCP socket has that nobody has accepted."""
    information = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(information[_N_WAITING], sys.byteorder)
