"""`python -m audit table`: a public corpus or one of our own sets as a table that can be audited."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.config import TASKS
from models.errors import InputError

PROBE = "probe"


def add_parser(subparsers: Any) -> None:
    """Adds `table` to the command line."""
    parser = subparsers.add_parser("table", help="write a corpus as a table to audit")
    parser.add_argument("name", help=f"{PROBE}, or a corpus of the corpora folder such as umsab, nusax, multi30k")
    parser.add_argument("--task", choices=TASKS, default="sentiment")
    parser.add_argument("--split", choices=["train", "validation", "test"], default="validation", help="of a corpus (default: validation)")
    parser.add_argument("--reverse", action="store_true", help="translation: from the language of the other side")
    parser.add_argument("--output", type=Path, required=True, help="JSON Lines to write")


def run(args: argparse.Namespace) -> int:
    """Writes the rows and says how many there are."""
    from models.disk import full_disk_sentence, whole_file

    if args.output.suffix != ".jsonl" or not args.output.parent.is_dir():
        raise InputError(f"{args.output} cannot be written; give the path of a file that ends in .jsonl, in a folder that exists.")
    count = 0
    with full_disk_sentence(args.output), whole_file(args.output) as path, path.open("w", encoding="utf-8") as file:
        for row in (pair_rows(args.name, args.split, reverse=args.reverse) if args.task == "translation" else labelled_rows(args.name, args.split)):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
        if not count:
            raise InputError(f"{args.name} has no rows in its split {args.split}; choose another.")
    print(f"{count:,} rows in {args.output}")
    return 0


def labelled_rows(name: str, split: str) -> Iterator[dict[str, str]]:
    """Rows with text, label, language, culture, domain, phenomena and, where content stands in several languages, item.

    Raises:
        CorpusError: There is no such corpus, or no corpora folder.
    """
    if name == PROBE:
        from audit.probe import read_probe

        yield from (_joined(asdict(sentence)) for sentence in read_probe())
        return
    from models.data.corpus import read_source

    for example in read_source(name, split=split):
        if example.label:
            yield {"text": example.text, "label": example.label, "language": example.language, "culture": example.culture, "domain": example.domain,
                   "item": example.item}


def pair_rows(name: str, split: str, *, reverse: bool) -> Iterator[dict[str, str]]:
    """Rows with source, reference, their languages, direction, culture, domain and phenomena; what translates one source shares it.

    Raises:
        CorpusError: There is no such corpus, or no corpora folder.
    """
    if name == PROBE:
        from audit.translation_probe import read_translation_probe

        yield from (_joined(asdict(sentence)) for sentence in read_translation_probe())
        return
    from models.data.pair_corpus import read_pairs

    for pair in read_pairs(name, split):
        sides = ((pair.source, pair.source_language), (pair.target, pair.target_language))
        (source, source_language), (reference, target_language) = reversed(sides) if reverse else sides
        yield {"source": source, "reference": reference, "source_language": source_language, "target_language": target_language,
               "direction": f"{source_language}-{target_language}", "culture": pair.culture, "domain": pair.domain}


def _joined(row: dict[str, Any]) -> dict[str, str]:
    return {key: "|".join(value) if isinstance(value, list | tuple) else value for key, value in row.items()}
