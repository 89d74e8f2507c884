"""Stand-ins for web processes: they say what nginx sent them, and fail as told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Manner = Literal["answers", "hangs up", "says 503"]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    n_bytes: int


@dataclass
class StandIn:
    """One web process; what it does may be changed while it listens."""

    address: str
    port: int
    # "hangs up": reads a request and ends without a word, as a process that is killed.
    manner: Manner = "answers"
    requests: list[Request] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b"answers\n"


@contextmanager
def stand_in(address: str, port: int = 8000) -> Iterator[StandIn]:
    """Listen at this address until the block ends."""
    own = StandIn(address, port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            n_bytes = int(self.headers.get("Content-Length", "0"))
            self.rfile.read(n_bytes)
            own.requests.append(Request(self.command, self.path, dict(self.headers), n_bytes))
            if own.manner == "hangs up":
                self.close_connection = True
                return
            self.send_response(503 if own.manner == "says 503" else 200)
            for name, value in own.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(own.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(own.content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _take

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing: what was asked is in `requests`."""

    with ThreadingHTTPServer((address, port), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield own
        finally:
            server.shutdown()
            thread.join()
