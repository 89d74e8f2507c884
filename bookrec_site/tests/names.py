"""A name server for tests: what Docker's own answers in a network of containers."""

import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_ADDRESS, _INTERNET = 1, 1
_NAME_ERROR = 3


@dataclass
class Names:
    """Names and the addresses of all their replicas; may change while it runs."""

    hosts: dict[str, Sequence[str]] = field(default_factory=dict)
    # What was asked, oldest first.
    asked: list[str] = field(default_factory=list)

    def answer(self, query: bytes) -> bytes:
        """Answer a question of one name (RFC 1035), with all of its addresses."""
        number, flags = struct.unpack_from("!HH", query)
        labels, place = [], 12
        while length := query[place]:
            labels.append(query[place + 1 : place + 1 + length].decode("ascii"))
            place += 1 + length
        question = query[12 : place + 5]
        (kind,) = struct.unpack_from("!H", query, place + 1)
        name = ".".join(labels).lower()
        self.asked.append(name)
        known = self.hosts.get(name, ())
        addresses = known if kind == _ADDRESS else ()
        # An answer, with the question's wish for recursion; recursion is to be had.
        status = 0x8080 | (flags & 0x0100) | (0 if known else _NAME_ERROR)
        head = struct.pack("!HHHHHH", number, status, 1, len(addresses), 0, 0)
        records = b"".join(
            # The name is that of the question, at byte 12; nothing is to be kept.
            struct.pack("!HHHIH4B", 0xC00C, _ADDRESS, _INTERNET, 0, 4, *map(int, a.split(".")))
            for a in addresses
        )
        return head + question + records


@contextmanager
def name_server(address: str, hosts: Mapping[str, Sequence[str]]) -> Iterator[Names]:
    """Answer at port 5353 of this address until the block ends; OSError where that is taken."""
    names = Names(dict(hosts))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            sock.sendto(names.answer(data), self.client_address)

    with socketserver.ThreadingUDPServer((address, 5353), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield names
        finally:
            server.shutdown()
            thread.join()
