"""The command line: `python -m models list|predict|corpus|train|evaluate`; exit 0, or 2 with one sentence on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from models.cli import run_command

COMMANDS = {
    "list": "name the embedded models",
    "predict": "add predictions to a CSV table",
    "corpus": "build, describe or pack the corpora",
    "train": "train a model from a YAML file",
    "evaluate": "measure a trained model",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of one command: 0 done, 2 bad input, 130 interrupted."""
    return run_command("models", "Models of CultureLens without the pages.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
