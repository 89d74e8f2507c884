"""Reads the goodbooks-10k files, in either published variant, and loads what they say of books.

Opinions (ratings.csv, to_read.csv) and the import as a whole are in `ratings.goodbooks`.
"""
