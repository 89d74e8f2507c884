"""The engine of `als` that a training run is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recommender.engine import Interactions, OnProgress
from recommender.engine.als import AlsConfig, AlsRanker
from recommender.engine.audience import Audience
from recommender.spark.als import DEFAULTS, fit_als
from recommender.spark.options import SparkOptions
from recommender.spark.session import check_jars, check_java, check_master, check_pyspark
from recommender.spark.sources import JdbcSource, ParquetSource, Source


class SparkAls:
    """By a cluster, from a source that its executors read."""

    name = "spark"
    is_elsewhere = True

    def __init__(self, source: Source, options: SparkOptions, config: AlsConfig = DEFAULTS) -> None:
        self.source = source
        self.options = options
        self.config = config

    @property
    def snapshot(self) -> str | None:
        return self.source.snapshot

    def fit(self, train: Interactions, on_progress: OnProgress) -> tuple[AlsRanker, Audience]:
        fitted = fit_als(
            self.source, train.items, self.config, self.options, on_progress=on_progress
        )
        return fitted.ranker, fitted.audience


@contextmanager
def spark_als(
    *, master: str | None = None, folder: Path | None = None, config: AlsConfig = DEFAULTS
) -> Iterator[SparkAls]:
    """Give an engine: from the files of an export, or from a snapshot of the database.

    What a fit needs is looked for before there is a run.

    Raises
    ------
    SparkError, ExportError
        When something is missing or nothing answers.
    """
    options = SparkOptions.of_settings(master=master)
    check_java()
    check_pyspark()
    check_master(options)
    if folder is not None:
        yield SparkAls(ParquetSource(folder), options, config)
        return
    check_jars((options.jdbc_jar,))
    with JdbcSource.opened(options) as source:
        yield SparkAls(source, options, config)
