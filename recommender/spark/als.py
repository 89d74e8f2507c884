"""Alternating least squares by Spark MLlib, as the engine's `als` serves it.

Spark minimizes

    sum c_ui (p_ui - x_u . y_i)^2 + regParam (sum n_u |x_u|^2 + sum n_i |y_i|^2)

with c = 1 + alpha |r|, p = 1 where r > 0, and n the number of such r of a user, of an item: the
objective of `als` with `scaled_regularization`. So `alpha` and the weights r go over as they are,
a rating below the threshold as -r, and the artifact's fold-in solves the equation of a user's
last half-step (docs/algorithms/als.md).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine import FitError, OnProgress, Vocabulary
from recommender.engine.als import AlsConfig, AlsRanker
from recommender.engine.audience import Audience
from recommender.held_out import held_out_ids
from recommender.spark.errors import SparkError
from recommender.spark.options import SparkOptions
from recommender.spark.session import spark_session, with_progress
from recommender.spark.sources import ParquetSource, Source

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

# Fewer factors than the library's: the JVM's own arithmetic is several times slower.
DEFAULTS: Final = AlsConfig(
    n_factors=64, regularization=0.05, alpha=2.0, n_iterations=10, scaled_regularization=True
)
_LARGEST_ID: Final = 2**31 - 1
# Beside two for each iteration.
_OTHER_JOBS: Final = 14


@dataclass(frozen=True, eq=False)
class SparkFit:
    """What comes back to the driver."""

    ranker: AlsRanker
    audience: Audience
    # The training readers' own factors, by id; only for who asks for them.
    user_factors: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None


def fit_als(
    source: Source,
    items: Vocabulary,
    config: AlsConfig,
    options: SparkOptions,
    *,
    on_progress: OnProgress,
    with_users: bool = False,
) -> SparkFit:
    """Fit the item factors of the books of a vocabulary, without the readers held out.

    Opinions of other books are left out (an export may be older than the catalogue). Executors
    read, count and fit; the driver holds the readers' numbers and the item factors.

    Raises
    ------
    SparkError
        See `spark_session` and `with_progress`.
    FitError
        When there is nothing to fit, a number does not fit into Spark's 32 bits, or a factor is
        not finite.
    """
    if not config.scaled_regularization:
        raise FitError("Spark scales the regularization; set scaled_regularization.")
    with spark_session(options, jars=source.jars) as session:
        work = _Work(session, source, items, config, options)
        return with_progress(
            session,
            lambda: work.fit(with_users),
            options=options,
            n_jobs=2 * config.n_iterations + _OTHER_JOBS,
            on_progress=on_progress,
        )


class _Work:
    """One fit in one session."""

    def __init__(
        self,
        session: "SparkSession",
        source: Source,
        items: Vocabulary,
        config: AlsConfig,
        options: SparkOptions,
    ) -> None:
        self._session = session
        self._source = source
        self._items = items
        self._config = config
        self._n_partitions = options.partitions or max(
            2, 2 * int(session.sparkContext.defaultParallelism)
        )

    def fit(self, with_users: bool) -> SparkFit:
        from pyspark import StorageLevel
        from pyspark.ml.recommendation import ALS
        from pyspark.sql import functions as F

        self._session.conf.set("spark.sql.shuffle.partitions", str(self._n_partitions))
        opinions = self._opinions().persist(StorageLevel.MEMORY_AND_DISK)
        users = self._ids_of(opinions)
        withheld = np.array(held_out_ids(users.tolist()), dtype=np.int64)
        train = opinions.join(F.broadcast(self._table("user_id", withheld)), "user_id", "left_anti")
        audience = self._audience(train, len(users) - len(withheld))
        weighted = train.select(
            F.col("user_id").cast("int").alias("user"),
            F.col("book_id").cast("int").alias("item"),
            self._weight().alias("weight"),
        ).where("weight <> 0")
        if not audience.n_having.any() or weighted.isEmpty():
            raise FitError("there is no interaction to fit; import ratings first.")
        config = self._config
        model = ALS(
            rank=config.n_factors,
            maxIter=config.n_iterations,
            regParam=config.regularization,
            implicitPrefs=True,
            alpha=config.alpha,
            userCol="user",
            itemCol="item",
            ratingCol="weight",
            seed=config.seed,
            numUserBlocks=self._n_partitions,
            numItemBlocks=self._n_partitions,
            intermediateStorageLevel="MEMORY_AND_DISK",
            finalStorageLevel="MEMORY_AND_DISK",
        ).fit(weighted)
        ids, found = _factors(model.itemFactors, config.n_factors)
        factors = np.zeros((len(self._items), config.n_factors), dtype=np.float32)
        factors[self._items.indices(ids)] = found
        ranker = AlsRanker.of_factors(config, factors)
        user_factors = _factors(model.userFactors, config.n_factors) if with_users else None
        return SparkFit(ranker, audience, user_factors)

    def _opinions(self) -> "DataFrame":
        """Return one row for each reader and book: stars, None for what is only shelved."""
        from pyspark.sql import functions as F

        ratings = self._source.ratings(self._session, self._n_partitions).select(
            F.col("user_id").cast("long"), F.col("book_id").cast("long"), F.col("stars").cast("int")
        )
        shelved = self._source.shelved(self._session, self._n_partitions).select(
            F.col("user_id").cast("long"), F.col("book_id").cast("long")
        )
        only_shelved = shelved.join(ratings, ["user_id", "book_id"], "left_anti")
        nothing = F.lit(None).cast("int").alias("stars")
        both = ratings.unionByName(only_shelved.select("user_id", "book_id", nothing))
        if isinstance(self._source, ParquetSource):
            self._check_counts(ratings, shelved, self._source)
        known = F.broadcast(self._table("book_id", self._items.ids))
        return both.join(known, "book_id", "left_semi")

    def _check_counts(
        self, ratings: "DataFrame", shelved: "DataFrame", source: ParquetSource
    ) -> None:
        """Raise SparkError when executors see other files than the driver has verified."""
        manifest = source.manifest
        for name, table, wanted in (
            ("ratings", ratings, manifest.n_ratings),
            ("to-read entries", shelved, manifest.n_shelved),
        ):
            found = table.count()
            if found != wanted:
                raise SparkError(
                    f"Executors find {found:,} {name} in {source.folder}, the manifest says "
                    f"{wanted:,}: do all hosts see the same files?"
                )

    def _weight(self) -> "Column":
        """Return r of `als`, below 0 for a preference of 0."""
        from pyspark.sql import functions as F

        config = self._config
        weight = F.lit(float(config.shelf_weight))
        for stars, value in enumerate(config.star_weights, start=1):
            signed = value if stars >= config.positive_threshold else -value
            weight = F.when(F.col("stars") == stars, F.lit(float(signed))).otherwise(weight)
        return weight.cast("float")

    def _ids_of(self, opinions: "DataFrame") -> NDArray[np.int64]:
        """Return the readers' numbers; raise FitError when Spark cannot have them."""
        found: Any = opinions.select("user_id").distinct().toArrow()
        users: NDArray[np.int64] = found["user_id"].to_numpy().astype(np.int64)
        largest = max(int(users.max(initial=0)), int(self._items.ids.max(initial=0)))
        if largest > _LARGEST_ID:
            raise FitError(f"Spark's ALS takes numbers up to {_LARGEST_ID:,}; one is {largest:,}.")
        return users

    def _audience(self, train: "DataFrame", n_users: int) -> Audience:
        """Count who has each book, and its stars."""
        from pyspark.sql import functions as F

        counted = (
            train.groupBy("book_id")
            .agg(
                F.count("*").alias("n_having"),
                F.count("stars").alias("n_ratings"),
                F.coalesce(F.sum("stars"), F.lit(0)).alias("stars"),
            )
            .toArrow()
        )
        places = self._items.indices(counted["book_id"].to_numpy())
        columns = np.zeros((3, len(self._items)), dtype=np.int64)
        for row, name in zip(columns, ("n_having", "n_ratings", "stars"), strict=True):
            row[places] = counted[name].to_numpy()
        n_having, n_ratings, total = columns
        return Audience(n_users, n_having, n_ratings, total.astype(np.float64))

    def _table(self, name: str, ids: NDArray[np.int64]) -> "DataFrame":
        import pyarrow as pa

        return self._session.createDataFrame(pa.table({name: pa.array(ids, type=pa.int64())}))


def _factors(found: "DataFrame", n_factors: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return ids, and factors of shape (n, n_factors), of a table of Spark's model."""
    table: Any = found.select("id", "features").toArrow().combine_chunks()
    flat = table["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    ids = table["id"].to_numpy().astype(np.int64)
    return ids, np.ascontiguousarray(flat.reshape(len(ids), n_factors), dtype=np.float32)
