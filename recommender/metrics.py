"""What this process knows about the model that it serves, for health checks and `/metrics`."""

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFigures:
    """Figures of one process; another one of the same host has its own."""

    # None: no model is served.
    run_id: int | None
    # How often an artifact could not be loaded, or was found damaged, since the process began.
    failed_loads: int
    # None: nothing was ever loaded.
    seconds_since_swap: float | None


class ModelMetrics:
    """Counts what happens to the model of this process; its readers take `figures()`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run_id: int | None = None
        self._failed_loads = 0
        self._swapped_at: float | None = None

    def count_failed_load(self) -> None:
        with self._lock:
            self._failed_loads += 1

    def set_served(self, run_id: int | None) -> None:
        with self._lock:
            if run_id is not None:
                self._swapped_at = time.monotonic()
            self._run_id = run_id

    def figures(self) -> ModelFigures:
        with self._lock:
            since = None if self._swapped_at is None else time.monotonic() - self._swapped_at
            return ModelFigures(self._run_id, self._failed_loads, since)


model_metrics = ModelMetrics()
