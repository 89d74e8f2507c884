"""What a fit by Spark needs, and what is said when it is not there; no cluster, no Java."""

import socket
import stat
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from recommender.models import TrainingRun
from recommender.spark import session, sources
from recommender.spark.errors import SparkError
from recommender.spark.options import SparkOptions
from recommender.spark.session import check_jars, check_java, check_master, check_pyspark
from recommender.spark.sources import JdbcSource


@pytest.fixture
def on_this_machine(monkeypatch) -> None:
    """Java and pyspark are there, whether or not they are."""
    for name in ("check_java", "check_pyspark"):
        monkeypatch.setattr(f"recommender.spark.engine.{name}", lambda: None)


def java_that_says(folder, text: str) -> None:
    path = folder / "bin" / "java"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    "master",
    ["", "spark://", "spark://host", "host:7077", "yarn", "local", "local[0]", "spark://a:b"],
)
def test_what_is_no_master_is_refused(settings, master) -> None:
    settings.SPARK = settings.SPARK | {"master": ""}
    with pytest.raises(SparkError, match=r"--master spark://|is no master"):
        SparkOptions.of_settings(master=master)


@pytest.mark.parametrize("master", ["spark://a:7077", "spark://a:7077,b-2.c:7078", "local[*]"])
def test_what_is_a_master_is_taken(settings, master) -> None:
    settings.SPARK = settings.SPARK | {"master": master}
    assert SparkOptions.of_settings().master == master
    assert SparkOptions.of_settings(master="local[2]").master == "local[2]"


def test_a_master_that_does_not_answer_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_master(SparkOptions.of_settings(master=f"spark://127.0.0.1:{port}"))
        # One of several that answers is enough.
        check_master(SparkOptions.of_settings(master=f"spark://127.0.0.1:9,127.0.0.1:{port}"))
    with pytest.raises(SparkError, match=f"answers at 127.0.0.1:{port}"):
        check_master(SparkOptions.of_settings(master=f"spark://127.0.0.1:{port}"))
    with pytest.raises(SparkError, match="99999"):
        check_master(SparkOptions.of_settings(master="spark://127.0.0.1:99999"))


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ('openjdk version "11.0.2" 2019-01-15', r"Java 17 or later; .* is version .11"),
        ('java version "1.8.0_292"', "is version"),
        ("Segmentation fault", "unknown"),
    ],
)
def test_another_java_is_refused(tmp_path, monkeypatch, says, message) -> None:
    java_that_says(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SparkError, match=message):
        check_java()


@pytest.mark.parametrize("version", ["17.0.15", "21.0.1", "25"])
def test_a_java_that_spark_runs_on_is_taken(tmp_path, monkeypatch, version) -> None:
    java_that_says(tmp_path, f'openjdk version "{version}" 2025-04-15')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    check_java()


def test_a_missing_java_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SparkError, match=r"JAVA_HOME is .*, where there is no bin/java"):
        check_java()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SparkError, match="no java on PATH"):
        check_java()


def test_a_missing_pyspark_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(SparkError, match="requirements-spark.txt"):
        check_pyspark()


def test_a_missing_jar_is_named(tmp_path) -> None:
    with pytest.raises(SparkError, match="libpostgresql-jdbc-java"):
        check_jars((tmp_path / "postgresql.jar",))


@pytest.mark.django_db
@pytest.mark.usefixtures("on_this_machine")
def test_the_command_says_it_before_there_is_a_run(settings, tmp_path) -> None:
    settings.SPARK = settings.SPARK | {"jdbc_jar": tmp_path / "postgresql.jar"}
    with pytest.raises(CommandError, match="postgresql.jar is missing"):
        call_command("train", "--engine", "spark", "--master", "local[1]")
    with pytest.raises(CommandError, match="No Spark master answers"):
        call_command("train", "--engine", "spark", "--master", "spark://127.0.0.1:9")
    with pytest.raises(CommandError, match="is no master"):
        call_command("train", "--engine", "spark", "--master", "mesos://a")
    with pytest.raises(CommandError, match="is no export of interactions"):
        call_command(
            *("train", "--engine", "spark", "--master", "local[1]"),
            *("--interactions", str(tmp_path)),
        )
    assert not TrainingRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["", "/run/postgresql", "@abstract"])
def test_a_database_behind_a_unix_socket_is_refused(settings, host) -> None:
    database = {"HOST": host, "PORT": "", "NAME": "x", "USER": "x", "PASSWORD": "secret-4711"}
    settings.SPARK = settings.SPARK | {"database": database}
    options = SparkOptions.of_settings(master="local[1]")
    assert "secret-4711" not in repr(options)
    with pytest.raises(SparkError, match="SPARK_DATABASE_URL"), JdbcSource.opened(options):
        pass


@pytest.mark.django_db
def test_only_what_the_snapshot_itself_says_is_said_of_it(settings, monkeypatch) -> None:
    database = {"HOST": "db", "PORT": "", "NAME": "x", "USER": "x", "PASSWORD": ""}
    settings.SPARK = settings.SPARK | {"database": database}
    options = SparkOptions.of_settings(master="local[1]")
    # What fails inside, such as the run's own writes, is no matter of the snapshot.
    with pytest.raises(OperationalError, match="progress"), JdbcSource.opened(options):
        raise OperationalError("progress")

    def refused(holder: BaseDatabaseWrapper) -> None:
        raise OperationalError("no room")

    monkeypatch.setattr(sources, "_held_snapshot", refused)
    with (
        pytest.raises(SparkError, match="No snapshot of the database was had: no room"),
        JdbcSource.opened(options),
    ):
        pass


def test_the_jvm_gets_no_secret_of_the_environment(settings, monkeypatch) -> None:
    import os

    for name in ("DATABASE_URL", "SPARK_DATABASE_URL", "SECRET_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("METRICS_TOKEN", "hidden")
    before = dict(os.environ)
    with session._launch_environment(SparkOptions.of_settings(master="local[1]")):
        assert "hidden" not in os.environ.values()
        assert os.environ["PATH"] == before["PATH"]
        assert os.environ["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert dict(os.environ) == before


def test_the_driver_is_told_where_to_listen_and_nothing_secret(settings) -> None:
    database = {"HOST": "db", "PORT": 5432, "NAME": "x", "USER": "x", "PASSWORD": "secret-4711"}
    settings.SPARK = settings.SPARK | {
        "database": database,
        "driver_host": "training",
        "bind_address": "0.0.0.0",
        "driver_port": 7078,
        "block_port": 7079,
    }
    options = SparkOptions.of_settings(master="spark://master:7077")
    told = session._configuration(options, (options.jdbc_jar,))
    assert told["spark.driver.host"] == "training"
    assert told["spark.driver.bindAddress"] == "0.0.0.0"
    assert (told["spark.driver.port"], told["spark.blockManager.port"]) == ("7078", "7079")
    assert told["spark.ui.enabled"] == "false"
    assert "secret-4711" not in str(told)


class Thrown:
    """An exception of the JVM, as py4j shows it."""

    def __init__(self, text: str, cause: "Thrown | None" = None) -> None:
        self.text, self.cause = text, cause

    def toString(self) -> str:
        return self.text

    def getCause(self) -> "Thrown | None":
        return self.cause


@pytest.mark.parametrize(
    ("thrown", "said"),
    [
        (Thrown("A: a\n\tat x"), "A: a"),
        (
            Thrown("A: a", Thrown("B: db:9 refused", Thrown("C: refused"))),
            "B: db:9 refused; C: refused",
        ),
        (
            Thrown("S: Job aborted: T: t\n\tat y\nCaused by: B: db:9\n\tat z\nCaused by: C: c\n"),
            "B: db:9; C: c",
        ),
    ],
)
def test_a_failure_of_the_jvm_is_said_in_one_line(thrown, said) -> None:
    error = RuntimeError("An error occurred while calling o1.fit")
    error.java_exception = thrown  # type: ignore[attr-defined]
    assert session.cause_of(error) == said


def test_a_failure_of_python_is_said_as_it_is() -> None:
    assert session.cause_of(ValueError("no such thing")) == "no such thing"
    assert session.cause_of(ValueError()) == "ValueError"
