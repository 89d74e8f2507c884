"""Measuring algorithms on files: reading tables and options, running, writing results.

Knows no Django and no database: the commands `evaluate_ranking` and `evaluate_ratings`, the
benchmarks and the tests of real data stand on it.
"""
