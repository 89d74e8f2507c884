"""A small data set for machines without the real one: real books, simulated readers.

`books.csv` holds facts about books, written down by hand; `generate.write_builtin_dataset` adds
readers drawn from a seeded model and writes a folder in the form of the goodbooks-10k release.
"""
