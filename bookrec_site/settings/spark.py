"""SPARK_…: where `manage.py train --engine spark` finds its cluster, and the cluster this site."""

import re
from pathlib import Path
from typing import Any

from environs import EnvError, ValidationError, validate

from bookrec_site.settings.env import env

_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_MEMORY = re.compile(r"[1-9][0-9]*[mg]")


def _host(value: str) -> None:
    if not _HOST.fullmatch(value):
        raise ValidationError(f'"{value}" is no name or address of a host')


def _memory(value: str) -> None:
    if not _MEMORY.fullmatch(value):
        raise ValidationError(f'"{value}" is no amount of memory; wanted e.g. 800m or 4g')


def spark_settings() -> dict[str, Any]:
    """Return the fields of `recommender.spark.options.SparkOptions`, which no web process loads.

    Raises
    ------
    EnvError
        When one is no such thing, or SPARK_DATABASE_URL is no PostgreSQL.
    """
    url = env.str("SPARK_DATABASE_URL", default="")
    database = env.dj_db_url("SPARK_DATABASE_URL") if url else None
    if database is not None and database["ENGINE"] != "django.db.backends.postgresql":
        raise EnvError("SPARK_DATABASE_URL must name a PostgreSQL database: postgresql://…")
    port = validate.Range(0, 65535)
    return {
        "master": env.str("SPARK_MASTER", default=""),
        "driver_host": env.str("SPARK_DRIVER_HOST", default="127.0.0.1", validate=_host),
        "bind_address": env.str("SPARK_BIND_ADDRESS", default="127.0.0.1", validate=_host),
        "driver_port": env.int("SPARK_DRIVER_PORT", default=0, validate=port),
        "block_port": env.int("SPARK_BLOCK_PORT", default=0, validate=port),
        "driver_memory": env.str("SPARK_DRIVER_MEMORY", default="1g", validate=_memory),
        "executor_memory": env.str("SPARK_EXECUTOR_MEMORY", default="1g", validate=_memory),
        "partitions": env.int("SPARK_PARTITIONS", default=0, validate=validate.Range(0, 100_000)),
        "wait_seconds": env.int("SPARK_WAIT_SECONDS", default=60, validate=validate.Range(1, 3600)),
        "jdbc_jar": Path(env.str("SPARK_JDBC_JAR", default="/usr/share/java/postgresql.jar")),
        "database": database,
    }
