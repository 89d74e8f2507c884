"""Spark's master and worker as docker-compose.yml runs them; marked `spark`."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from bookrec_site.tests.composed import Composition, LoopbackNetwork, Program
from bookrec_site.tests.spark.standalone import require_spark
from bookrec_site.tests.waiting import until

pytestmark = pytest.mark.spark


def test_a_worker_finds_its_master_and_both_are_well(tmp_path: Path) -> None:
    require_spark()
    spec = find_spec("pyspark")
    assert spec and spec.origin
    programs = str(Path(spec.origin).parent / "bin")
    network = LoopbackNetwork(Composition.read(variables={"SPARK_WORKER_MEMORY": "512m"}), tmp_path)

    def program(name: str) -> Program:
        # In its container a process has addresses of its own for its pages.
        return network.program(
            name,
            PATH=os.pathsep.join((programs, os.environ["PATH"])),
            SPARK_HOME=str(Path(programs).parent),
            SPARK_LOCAL_IP=network.address(name),
        )

    master, worker = program("spark-master"), program("spark-worker")
    assert master.check().returncode == worker.check().returncode == 1
    with master.started(), worker.started() as process:
        until(
            lambda: (
                "Successfully registered" in worker.log.read_text() or process.poll() is not None
            ),
            120,
        )
        assert process.poll() is None, worker.log.read_text()
        until(lambda: worker.check().returncode == 0, 60)
        assert master.check().returncode == 0
        # No second door for programs.
        assert "StandaloneRestServer" not in master.log.read_text()
