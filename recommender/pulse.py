"""The sign of life of a process that works at a run."""

import logging
import threading
from types import TracebackType
from typing import Final, Self

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from recommender.errors import Cancelled, RunLost, TrainingUnderWay
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)

# Identifies the lock that a fitting process holds for as long as it lives.
ADVISORY_LOCK: Final = 7_166_401
BEAT_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 1.0


def some_process_lives() -> bool:
    """Return whether any process works at a run of this database.

    The lock belongs to a session of the database, which ends with its process, however that
    ends. It is looked at, not tried: a try would be in the way of one that just begins.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND classid = 0 AND objid = %s AND objsubid = 1"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [ADVISORY_LOCK],
        )
        [lives] = cursor.fetchone() or [False]
    return bool(lives)


class Pulse:
    """Holds the lock and beats, in a thread with a connection of its own.

    So a long stage that reports nothing is not taken for dead, the fit never waits for the
    database, and a database that restarts meanwhile costs a reconnection and not the run. What the
    thread learns (cancelled, closed by somebody) is raised where the run next reports.

    Raises
    ------
    TrainingUnderWay
        On entering, when another living process holds the lock.
    """

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self._stage = ""
        self._progress = 0.0
        self._is_cancelled = False
        self._is_lost = False
        self._was_seen = False
        self._has_lock = False
        self._refused: Exception | None = None
        self._begun = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"pulse of run {run_id}")

    def __enter__(self) -> Self:
        self._thread.daemon = True
        self._thread.start()
        self._begun.wait()
        if self._refused is not None:
            self._thread.join()
            raise self._refused
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def tell(self, stage: str, progress: float) -> None:
        """Note how far the run is.

        Raises
        ------
        Cancelled, RunLost
            When the run is to stop.
        """
        self._stage, self._progress = stage, min(max(progress, 0.0), 1.0)
        if self._is_cancelled:
            raise Cancelled("Cancelled while it was worked at.")
        if self._is_lost:
            raise RunLost(f"Run {self._run_id} was closed by another process.")

    def _work(self) -> None:
        try:
            self._take_lock()
            if not self._has_lock:
                self._refused = TrainingUnderWay(
                    "Another training run is under way; wait until it has ended."
                )
        except (DatabaseError, InterfaceError) as error:
            self._refused = error
        self._begun.set()
        pause = BEAT_SECONDS
        while self._refused is None and not self._stop.wait(pause):
            try:
                self._take_lock()
                self._beat()
                pause = BEAT_SECONDS
            except (DatabaseError, InterfaceError) as error:
                logger.warning("run %d cannot tell that it lives: %s", self._run_id, error)
                connection.close()
                self._has_lock = False
                pause = RETRY_SECONDS
        self._release()

    def _release(self) -> None:
        """Give the lock back, so that the next run need not wait for the session's end."""
        try:
            if self._has_lock:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the lock of run %d ends with its session: %s", self._run_id, error)
        finally:
            connection.close()

    def _take_lock(self) -> None:
        if self._has_lock:
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
            [self._has_lock] = cursor.fetchone() or [False]

    def _beat(self) -> None:
        row = TrainingRun.objects.filter(pk=self._run_id, status__in=TrainingRun.WORKED_AT)
        n_rows = row.update(heartbeat_at=Now(), stage=self._stage, progress=self._progress)
        if n_rows:
            self._was_seen = True
            self._is_cancelled = row.filter(cancel_requested=True).exists()
        elif self._was_seen:
            self._is_lost = True
