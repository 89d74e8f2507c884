"""Train by Spark on a cluster of this machine, and say what every process of it took.

    .venv/bin/python manage.py export_interactions interactions --partitions 4
    python -m benchmarks.spark interactions --workers 2 [-- ARGUMENT OF train …]

In a virtual environment with requirements-dev.txt and requirements-spark.txt. A master and workers
of one core each are started on loopback, `manage.py train --engine spark --force` runs against
them and the site's database, and processor seconds and peak memory of each process are printed
beside the load of the machine. The run goes live: use a copy of the data.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import django
import psutil

if TYPE_CHECKING:
    from bookrec_site.tests.spark.standalone import StandaloneCluster

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("interactions", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="1500m", help="Of an executor.")
    parser.add_argument("train", nargs="*", help="Further arguments of train.")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")
    django.setup()
    from bookrec_site.tests.spark.standalone import standalone_cluster

    with (
        tempfile.TemporaryDirectory() as folder,
        standalone_cluster(Path(folder), n_workers=options.workers, worker_memory="2g") as cluster,
    ):
        print("load:", *os.getloadavg())
        command = [sys.executable, "manage.py", "train", "--engine", "spark", "--force"]
        where = ["--master", cluster.master, "--interactions", str(options.interactions.resolve())]
        environment = os.environ | {"SPARK_EXECUTOR_MEMORY": options.memory}
        process = subprocess.Popen([*command, *where, *options.train], cwd=ROOT, env=environment)
        watch(cluster, process)
        print("load:", *os.getloadavg())
        sys.exit(process.returncode)


def watch(cluster: StandaloneCluster, process: subprocess.Popen[bytes]) -> None:
    """Print what every process has taken when the command has ended."""
    taken: dict[str, tuple[float, float]] = {}
    while process.poll() is None:
        for role, one in processes(cluster, process.pid):
            try:
                times, memory = one.cpu_times(), one.memory_info().rss / 1e6
            except psutil.Error:
                continue  # It has just ended.
            _, peak = taken.get(role, (0.0, 0.0))
            taken[role] = (times.user + times.system, max(peak, memory))
        threading.Event().wait(0.5)
    for role, (seconds, peak) in sorted(taken.items()):
        print(f"{role:24} {seconds:7.0f} s of processor {peak:7.0f} MB at most")
    print(f"{'all':24} {sum(seconds for seconds, _ in taken.values()):7.0f} s of processor")


def processes(cluster: StandaloneCluster, command: int) -> list[tuple[str, psutil.Process]]:
    """Return the processes that work, each with what it is."""
    found = []
    for daemon in cluster.daemons:
        for place, one in enumerate(daemon.family()):
            found.append((daemon.name if not place else f"{daemon.name} executor {place}", one))
    try:
        own = psutil.Process(command)
        found.append(("train", own))
        found += [(f"train {one.name()}", one) for one in own.children(recursive=True)]
    except psutil.NoSuchProcess:
        return found
    return found


if __name__ == "__main__":
    main()
