"""The command line: `python -m xai explain`; exit 0, or 2 with one sentence on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from models.cli import run_command

COMMANDS = {"explain": "explain the prediction for one text"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of one command: 0 done, 2 bad input, 130 interrupted."""
    return run_command("xai", "Explanations of CultureLens without the pages.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
