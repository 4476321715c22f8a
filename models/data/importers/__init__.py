"""One reader for each corpus folder, written against its real format."""

from models.data.importers.catalogue import IMPORTERS, PAIR_IMPORTERS

__all__ = ["IMPORTERS", "PAIR_IMPORTERS"]
