"""Corpora: importers, cleaning, one table, packed shards."""
