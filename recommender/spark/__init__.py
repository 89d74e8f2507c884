"""`als` fitted by Spark: what one machine cannot hold (docs/spark.md).

The one package that imports pyspark, and no web process and nothing of the engine imports it. A
training run is given a `SparkAls` and calls it for its lists; all else of a run is as it is.
"""
