"""gunicorn's worker with threads, which leaves who knocks to a worker that has nothing to do.

gunicorn --worker-class bookrec_site.web_worker.Worker …
"""

import errno
import json
import time
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, ClassVar, Final

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from bookrec_site.leaving import is_shut, take_in_the_rest
from bookrec_site.problem_documents import MEDIA_TYPE, problem

# What is no request, by the status that says so; the first that fits.
_REFUSED: Final = (
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (errors.ExpectationFailed, HTTPStatus.EXPECTATION_FAILED),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED),
    (errors.ForbiddenProxyRequest, HTTPStatus.FORBIDDEN),
    (errors.ParseException, HTTPStatus.BAD_REQUEST),
)
# gunicorn raises these, of the same family, for what the site did wrong.
_OUR_OWN: Final = (
    errors.ConfigurationProblem,
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
)
# An error's text repeats what was sent.
_MAX_DETAIL: Final = 200


class Worker(ThreadWorker):
    """gunicorn's worker with threads, for one of several that listen at one socket.

    By itself each accepts whoever it can, and a connection that is kept stays where it is: one of
    two workers may have all that came at once, and the other none. Here a worker with a request
    at hand does not accept for some milliseconds, and then one at a time, so that nobody waits for
    long when all are busy.

    When gunicorn ends it takes in who came before the door was shut (bookrec_site.leaving).

    What cannot be read as a request never reaches the application, and is answered here with a
    problem document (RFC 9457) as the application's own errors are.
    """

    # An idle worker accepts within a fraction of this; much more would be felt.
    leave_seconds: ClassVar[float] = 0.005

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._n_at_hand = 0
        self._leaves_until = 0.0

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept, or do not; gunicorn asks for it before it waits, where that would change."""
        super().set_accept_enabled(enabled and self._seconds_to_leave() <= 0)
        # As gunicorn does when it has left its rounds.
        if not self.alive and not enabled and is_shut():
            for listener in self.sockets:
                take_in_the_rest(listener, self.accept)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        left = self._seconds_to_leave()
        super().wait_for_and_dispatch_events(min(timeout, left) if left > 0 else timeout)

    def enqueue_req(self, conn: Any) -> None:
        self._n_at_hand += 1
        super().enqueue_req(conn)
        if self._accepting:
            self._leaves_until = time.monotonic() + self.leave_seconds
            self.set_accept_enabled(False)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        self._n_at_hand -= 1
        super().finish_request(conn, fs)

    def accept(self, listener: Any) -> None:
        try:
            super().accept(listener)
        except OSError as error:
            # It listens no more.
            if error.errno != errno.EINVAL:
                raise
            self.alive = False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        refused = [status for kind, status in _REFUSED if isinstance(exc, kind)]
        if not refused or isinstance(exc, _OUR_OWN):
            super().handle_error(req, client, addr, exc)
            return
        self.log.info("No request, answered with %d: %s", refused[0], type(exc).__name__)
        try:
            # Never waiting: who sends such things may not read.
            util.write_nonblock(client, _answer(refused[0], str(exc)[:_MAX_DETAIL]))
        except OSError as error:
            self.log.debug("The answer did not reach the client: %s", error)

    def _seconds_to_leave(self) -> float:
        return self._leaves_until - time.monotonic() if self._n_at_hand else 0.0


def _answer(status: HTTPStatus, detail: str) -> bytes:
    """Return a whole answer, after which the connection ends."""
    body = json.dumps(problem(status, detail)).encode()
    headers = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Cache-Control: private, no-store",
        "X-Content-Type-Options: nosniff",
    )
    return "\r\n".join((*headers, "", "")).encode() + body
