"""Servers on this machine that take what is sent to them, for tests of what sends."""

import gzip
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 60


@dataclass
class Listener:
    """An address, and what was posted there: path and body."""

    url: str = ""
    posts: "queue.Queue[tuple[str, bytes]]" = field(default_factory=queue.Queue)

    def next(self) -> tuple[str, bytes]:
        """Return the next post; raises queue.Empty when none comes in a minute."""
        return self.posts.get(timeout=PATIENCE)

    def all(self) -> list[tuple[str, bytes]]:
        """Return what has come and was not asked for yet."""
        found = []
        while not self.posts.empty():
            found.append(self.posts.get_nowait())
        return found


@contextmanager
def listener() -> Iterator[Listener]:
    """Listen on a free port of this machine until the block ends."""
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.posts.put((self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
