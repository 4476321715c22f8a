"""One reader for each corpus folder, written against its real format."""

from models.data.importers.catalogue import IMPORTERS

__all__ = ["IMPORTERS"]
