"""`python -m models list`: the embedded models."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Adds `list` to the command line."""
    parser = subparsers.add_parser("list", help="name the embedded models")
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(args: argparse.Namespace) -> int:
    """Prints one name a line, or a JSON list."""
    from models.loading import list_checkpoints

    names = list_checkpoints()
    print(json.dumps(names, ensure_ascii=False) if args.json else "\n".join(names))
    return 0
