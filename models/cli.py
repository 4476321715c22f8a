"""What the command lines share: one parser, one sentence for bad input, exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from tqdm import tqdm

from models.errors import CultureLensError
from models.progress import Progress


def run_command(package: str, description: str, commands: Mapping[str, str], arguments: Sequence[str] | None = None) -> int:
    """Exit code of one command: 0 done, 2 bad input, 130 interrupted.

    Args:
        package: Package whose module `commands.<name>` has `add_parser(subparsers)` and `run(args) -> int`.
        description: First line of the help.
        commands: Purpose of each command; only the asked one is imported, so that the help starts at once.
        arguments: Words of the command line, or None for those of the process.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its reports of a broken model would bury our one sentence
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=description)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    try:
        if words and words[0] in commands:
            module = import_module(f"{package}.commands.{words[0]}")
            module.add_parser(subparsers)
            return int(module.run(parser.parse_args(words)))
        for name, purpose in commands.items():
            subparsers.add_parser(name, help=purpose)
        parser.parse_args(words)
        return 0
    except CultureLensError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted; nothing more was written.", file=sys.stderr)
        return 130


def progress_bar(description: str) -> Progress:
    """A bar with the time left on stderr; it closes itself when everything is done."""
    bars: list[tqdm[None]] = []

    def report(done: int, total: int) -> None:
        if not bars:
            bars.append(tqdm(desc=description, file=sys.stderr, mininterval=0.5, dynamic_ncols=True))
        bar = bars[0]
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            bars.clear()

    return report
