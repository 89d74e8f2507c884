"""How a run reaches its cluster: `settings.SPARK`, typed."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from django.conf import settings

from recommender.spark.errors import SparkError

_MASTER = re.compile(r"spark://[A-Za-z0-9._-]+:[0-9]{1,5}(,[A-Za-z0-9._-]+:[0-9]{1,5})*")
_LOCAL = re.compile(r"local\[([1-9][0-9]?|\*)\]")


@dataclass(frozen=True)
class SparkOptions:
    """The defaults of the settings are those of one machine."""

    # spark://HOST:PORT[,HOST:PORT], or local[2]: this machine alone.
    master: str
    # By which name executors call the driver, and at which address and ports it listens.
    driver_host: str
    bind_address: str
    driver_port: int
    block_port: int
    driver_memory: str
    executor_memory: str
    # Tasks of a stage, blocks of users and items; 0: two for each core of the cluster.
    partitions: int
    # No executor for so many seconds ends the run.
    wait_seconds: int
    jdbc_jar: Path
    # As Django's DATABASES has it, for executors, which connect by TCP; None: the site's own.
    database: dict[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def of_settings(cls, *, master: str | None = None) -> Self:
        """Return those of the site, with another master if one is given.

        Raises
        ------
        SparkError
            When there is no master, or it is no address of one.
        """
        values = dict(settings.SPARK)
        if master is not None:
            values["master"] = master
        url = values["master"]
        if not url:
            raise SparkError("Which cluster? Add --master spark://HOST:PORT, or set SPARK_MASTER.")
        if not (_MASTER.fullmatch(url) or _LOCAL.fullmatch(url)):
            raise SparkError(f'"{url}" is no master; wanted spark://HOST:PORT or local[2].')
        return cls(**values)

    @property
    def places(self) -> list[tuple[str, int]]:
        """Hosts and ports of the masters; none when it is this machine alone."""
        if self.master.startswith("local"):
            return []
        pairs = (place.rsplit(":", 1) for place in self.master.removeprefix("spark://").split(","))
        return [(host, int(port)) for host, port in pairs]
