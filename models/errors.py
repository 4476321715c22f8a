"""All errors that CultureLens raises on purpose, as one tree.

```
CultureLensError                 root; str(error) is one sentence fit for a visitor
├── InputError                   a text, table or column that cannot be used
├── ConfigError                  an unknown key, or a value out of range
├── CorpusError                  a corpus, shard or importer that cannot be read
├── CheckpointError              a model folder that is missing, damaged or refused
├── ModelError                   a model that answers wrongly: NaN, wrong shape, out of memory
├── BusyError                    a queue that is full; try again later
├── DiskError                    a file that cannot be written or has not enough room
└── Cancelled                    somebody asked the work to stop; not a fault
```

Every message says what came, what was expected and what to do.
"""

from __future__ import annotations

__all__ = [
    "BusyError",
    "Cancelled",
    "CheckpointError",
    "ConfigError",
    "CorpusError",
    "CultureLensError",
    "DiskError",
    "InputError",
    "ModelError",
]


class CultureLensError(Exception):
    """Root of every error that CultureLens raises on purpose.

    Attributes:
        key: Name of the sentence in catalogues of other languages, or "".
    """

    def __init__(self, message: str, *, key: str = "") -> None:
        """Keeps the sentence and its name."""
        super().__init__(message)
        self.key = key


class InputError(CultureLensError):
    """A text, table or column that cannot be used as it came."""


class ConfigError(CultureLensError):
    """A configuration key that is unknown, or a value that is out of range."""


class CorpusError(CultureLensError):
    """A corpus, shard or importer that cannot be read."""


class CheckpointError(CultureLensError):
    """A model folder that is missing, damaged, or refused for safety."""


class ModelError(CultureLensError):
    """A model that answers wrongly: NaN, an unexpected shape, or no memory left."""


class BusyError(CultureLensError):
    """A queue of jobs that is full."""


class DiskError(CultureLensError):
    """A file that cannot be written, or a disk without enough room."""


class Cancelled(CultureLensError):  # noqa: N818 - asked for, not a fault
    """Work that was asked to stop; raised by a `Progress` callback and passed through."""
