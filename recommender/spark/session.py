"""A driver for the time of one fit: what it needs is looked for first, and said when missing."""

import logging
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from recommender.engine import EngineError, OnProgress
from recommender.spark.errors import SparkError
from recommender.spark.options import SparkOptions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

logger = logging.getLogger(__name__)
# A line for every connection that it closes.
logging.getLogger("py4j").setLevel(logging.WARNING)

LEAST_JAVA: Final = 17
DEEP_STACK: Final = "-Xss64m"
_CONNECT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.5
# What the JVM's environment does not need, and its crash report would show.
_SECRETS: Final = re.compile(r"(?i)secret|password|token|access_key|_URL$|_DSN$")

_T = TypeVar("_T")


def check_java() -> None:
    """Raise SparkError unless there is a Java that Spark runs on."""
    home = os.environ.get("JAVA_HOME", "")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java or not Path(java).is_file():
        where = f"JAVA_HOME is {home}, where there is no bin/java" if home else "no java on PATH"
        raise SparkError(f"Spark needs Java {LEAST_JAVA} or later: {where}.")
    try:
        told = subprocess.run(  # noqa: S603 - the path was looked up
            [java, "-version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SparkError(f"{java} does not run: {error}") from error
    found = re.search(r'version "(\d+)', told.stderr + told.stdout)
    if found is None or int(found[1]) < LEAST_JAVA:
        version = found[0] if found else f"unknown ({told.stderr.strip()[:200]})"
        raise SparkError(f"Spark needs Java {LEAST_JAVA} or later; {java} is {version}.")


def check_pyspark() -> None:
    """Raise SparkError unless pyspark can be imported."""
    try:
        import pyarrow  # noqa: F401
        import pyspark.sql  # noqa: F401
    except ImportError as error:
        raise SparkError(
            f"--engine spark needs pyspark and pyarrow ({error}): "
            "pip install -r requirements-spark.txt"
        ) from error


def check_jars(jars: tuple[Path, ...]) -> None:
    """Raise SparkError unless the JDBC driver is there."""
    for jar in jars:
        if not jar.is_file():
            raise SparkError(
                f"{jar} is missing: PostgreSQL's JDBC driver (Debian: libpostgresql-jdbc-java), "
                "or another path in SPARK_JDBC_JAR; or train from files: --interactions DIR."
            )


def check_master(options: SparkOptions) -> None:
    """Raise SparkError unless something listens where one of the masters should be.

    Spark itself would try for a minute.
    """
    failures = []
    for host, port in options.places:
        try:
            socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            failures.append(f"{host}:{port} ({error})")
        else:
            return
    if failures:
        raise SparkError(f"No Spark master answers at {', '.join(failures)}.")


@contextmanager
def spark_session(
    options: SparkOptions, *, jars: tuple[Path, ...] = ()
) -> Iterator["SparkSession"]:
    """Give a session with at least one executor; its JVM ends with it.

    Raises
    ------
    SparkError
        When Java, pyspark or a jar is missing, no master answers, or it has no executor for us.
    """
    check_master(options)
    check_java()
    check_pyspark()
    check_jars(jars)
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder.master(options.master).appName("bookrec train")
    for name, value in _configuration(options, jars).items():
        builder = builder.config(name, value)
    try:
        with _launch_environment(options):
            session = builder.getOrCreate()
    except Exception as error:
        _end_gateway()
        raise SparkError(
            f"The driver did not start at {options.master}: {cause_of(error)}"
        ) from error
    try:
        _wait_for_executors(session, options)
        yield session
    finally:
        try:
            session.stop()
        finally:
            _end_gateway()


def _configuration(options: SparkOptions, jars: tuple[Path, ...]) -> dict[str, str]:
    """Return Spark's properties. They are on the driver's command line: nothing secret in here.

    What a site wants besides (authentication, encryption, event logs) Spark reads itself, from
    spark-defaults.conf in SPARK_CONF_DIR.
    """
    configuration = {
        "spark.driver.host": options.driver_host,
        "spark.driver.bindAddress": options.bind_address,
        "spark.driver.memory": options.driver_memory,
        "spark.executor.memory": options.executor_memory,
        # Every iteration of ALS lengthens the lineage of its tables, which is serialized and walked
        # by recursion: with Java's usual stack, twenty iterations overflow it.
        "spark.driver.defaultJavaOptions": DEEP_STACK,
        "spark.executor.defaultJavaOptions": DEEP_STACK,
        # The item factors come at once; the driver's memory is the limit.
        "spark.driver.maxResultSize": "0",
        # It would listen at every address of the host.
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    if options.driver_port:
        configuration["spark.driver.port"] = str(options.driver_port)
    if options.block_port:
        configuration["spark.blockManager.port"] = str(options.block_port)
    if jars:
        configuration["spark.jars"] = ",".join(str(jar.resolve()) for jar in jars)
    return configuration


@contextmanager
def _launch_environment(options: SparkOptions) -> Iterator[None]:
    """Keep secrets out of the environment that the JVM inherits, and give it its address."""
    before = dict(os.environ)
    try:
        for name in before:
            if _SECRETS.search(name):
                del os.environ[name]
        os.environ.setdefault("SPARK_LOCAL_IP", options.bind_address)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _end_gateway() -> None:
    """End the JVM, which pyspark would keep for this process's next session.

    That one may want another amount of memory, and a training worker lives on for days.
    """
    import pyspark

    SparkContext: Any = pyspark.SparkContext
    gateway = SparkContext._gateway
    if gateway is None:
        return
    SparkContext._gateway = SparkContext._jvm = None
    gateway.shutdown()
    process = getattr(gateway, "proc", None)
    if process is None:
        return
    # It ends when its input does.
    process.stdin.close()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def n_executors(session: "SparkSession") -> int:
    """Return how many executors have memory for blocks; the driver is none, but when local."""
    context: Any = session.sparkContext._jsc.sc()
    n_known = int(context.getExecutorMemoryStatus().size())
    return n_known if context.isLocal() else n_known - 1


def _wait_for_executors(session: "SparkSession", options: SparkOptions) -> None:
    waited, seconds = 0.0, options.wait_seconds
    while not n_executors(session):
        if waited >= seconds:
            raise SparkError(
                f"{options.master} gave no executor within {seconds} s: are there workers with "
                "enough free memory (SPARK_EXECUTOR_MEMORY), and do they reach this host by "
                "SPARK_DRIVER_HOST?"
            )
        threading.Event().wait(_POLL_SECONDS)
        waited += _POLL_SECONDS


def with_progress(
    session: "SparkSession",
    work: Callable[[], _T],
    *,
    options: SparkOptions,
    n_jobs: int,
    on_progress: OnProgress,
) -> _T:
    """Do Spark's work in a thread, telling how many of its jobs have begun.

    An exception of `on_progress` (a cancelled run) stops the jobs. So does a cluster that has had
    no executor for the seconds of the settings: Spark would wait for ever.

    Raises
    ------
    SparkError
        When a job failed, or no executor was left.
    """
    result: list[_T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failure.append(error)

    tracker = session.sparkContext.statusTracker()
    n_before = len(tracker.getJobIdsForGroup())
    thread = threading.Thread(target=run, name="spark", daemon=True)
    thread.start()
    idle = 0.0
    try:
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
            begun = len(tracker.getJobIdsForGroup()) - n_before
            on_progress("factors", min(0.99, begun / n_jobs))
            idle = 0.0 if n_executors(session) else idle + _POLL_SECONDS
            if thread.is_alive() and idle >= options.wait_seconds:
                raise SparkError(f"The cluster has had no executor for {idle:.0f} s.")
    except BaseException:
        try:
            session.sparkContext.cancelAllJobs()
        except Exception as gone:  # noqa: BLE001 - why it ends is said by the one above
            logger.warning("Spark's jobs were not cancelled: %s", cause_of(gone))
        raise
    if failure:
        if isinstance(failure[0], SparkError | EngineError):
            raise failure[0]
        raise SparkError(f"Spark's job failed: {cause_of(failure[0])}") from failure[0]
    return result[0]


def cause_of(error: BaseException) -> str:
    """Return what is at the bottom of an exception of the JVM, and what that led to, in one line.

    The bottom alone may be "Connection refused", without saying by whom.
    """
    inner: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    causes = []
    try:
        while inner is not None:
            causes.append(str(inner.toString()))
            inner = inner.getCause()
    except Exception as gone:  # noqa: BLE001 - the JVM died; Python's text is left
        logger.debug("the cause is not to be had: %s", gone)
    text = causes[-1] if causes else str(error)
    # A task's failure has its causes in its text only.
    causes = re.findall(r"Caused by: (.*)", text) or causes or [text]
    lines = [cause.strip().partition("\n")[0] for cause in causes[-2:]]
    return "; ".join(filter(None, lines)) or type(error).__name__
