"""The command line: `python -m audit run|table|words|faithfulness|map`; exit 0, 1 where a gap is over its budget, or 2 with one sentence on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from models.cli import run_command

COMMANDS = {"run": "audit a table by culture", "table": "write a corpus as a table to audit",
            "words": "name the words behind a model's predictions", "faithfulness": "measure how faithful explanations are in each culture",
            "map": "place a table's rows on a map of a model's space"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of one command: 0 done, 1 over budget, 2 bad input, 130 interrupted."""
    return run_command("audit", "Audits of CultureLens without the pages.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
