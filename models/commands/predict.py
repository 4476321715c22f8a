"""`python -m models predict`: a CSV table in, the same table with predictions out."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.cli import progress_bar
from models.config import TASKS
from models.errors import DiskError, InputError

if TYPE_CHECKING:
    from models.classifier import Classifier, Prediction

SHOWN_FAULTS = 20  # row numbers named on stderr before "and N more"


@dataclass(frozen=True)
class Table:
    """A CSV table as it came: no cell is converted.

    Attributes:
        header: Column names, all different (columns,).
        rows: Cells as text (rows, columns).
    """

    header: list[str]
    rows: list[list[str]]

    def __post_init__(self) -> None:
        """Raises InputError when a row and the header differ in length, or two columns share a name."""
        repeated = sorted({name for name in self.header if self.header.count(name) > 1})
        if repeated:
            raise InputError(f"The table names the column {repeated[0]!r} twice; give every column its own name.")
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.header):
                raise InputError(
                    f"Row {number} has {len(row)} cells, expected {len(self.header)} as in the header; quote cells with commas."
                )


def add_parser(subparsers: Any) -> None:
    """Adds `predict` to the command line."""
    parser = subparsers.add_parser("predict", help="add predictions to a CSV table")
    parser.add_argument("--task", choices=TASKS, default="sentiment")
    parser.add_argument("--model", help="embedded name, folder or hub id (default: the name of the task)")
    parser.add_argument("--input", type=Path, required=True, help="CSV table in UTF-8")
    parser.add_argument("--text-column", default="text", help="column of the texts (default: text)")
    parser.add_argument("--source-language", help="translation: language of the texts, e.g. en")
    parser.add_argument("--target-language", help="translation: language to translate into, e.g. zh")
    parser.add_argument("--num-beams", type=int, default=4, help="translation: width of the beam (default: 4)")
    parser.add_argument("--output", type=Path, help="CSV table to write; may be left out with --json")
    parser.add_argument("--json", action="store_true", help="print the predictions as JSON")


def run(args: argparse.Namespace) -> int:
    """Predicts every row; rows whose text cannot be used get empty cells and are named on stderr."""
    if args.output is None and not args.json:
        raise InputError("Neither --output nor --json was given; say where the predictions should go.")
    table = read_table(args.input)
    if args.text_column not in table.header:
        raise InputError(f"There is no column {args.text_column!r}; the columns are {', '.join(table.header)}.")
    if args.output is not None and (args.output.is_dir() or not args.output.parent.is_dir() or not os.access(args.output.parent, os.W_OK)):
        raise DiskError(f"{args.output} cannot be written; give the path of a file in a folder that exists and may be written to.")
    column = table.header.index(args.text_column)
    texts = [row[column] for row in table.rows]
    finished, summary = (_translate if args.task == "translation" else _classify)(args, table, texts)
    if args.output is not None:
        write_table(args.output, finished)
    if args.json:
        print(json.dumps(summary, ensure_ascii=False))
    _name_faults(summary["faulty_rows"])
    return 0


def _classify(args: argparse.Namespace, table: Table, texts: Sequence[str]) -> tuple[Table, dict[str, Any]]:
    from models.loading import load_classifier

    classifier = load_classifier(args.model or args.task)
    with_predictions(Table(table.header, []), [], classifier.labels)  # a column that is taken is found before the work
    predictions = classifier.predict_rows(texts, progress=progress_bar("predict"))
    return with_predictions(table, predictions, classifier.labels), _summary(classifier, predictions)


def _translate(args: argparse.Namespace, table: Table, texts: Sequence[str]) -> tuple[Table, dict[str, Any]]:
    from models.decoding import DecodingConfig
    from models.loading import load_translator

    if not args.source_language or not args.target_language:
        raise InputError("--source-language or --target-language is missing; say from which language into which, e.g. en and zh.")
    translator = load_translator(args.model or args.task)
    with_columns(Table(table.header, []), ["hypothesis"], [])
    usable = _usable(texts)
    found = dict(zip(usable, translator.translate(list(usable.values()), args.source_language, args.target_language,
                                                  decoding=DecodingConfig.best(args.num_beams), progress=progress_bar("translate")), strict=True))
    cells = [[found[number].hypothesis if number in found else ""] for number in range(len(texts))]
    summary = {
        "model": translator.name, "fingerprint": translator.fingerprint, "count": len(texts), "num_beams": args.num_beams,
        "source_language": args.source_language, "target_language": args.target_language,
        "faulty_rows": [number for number in range(1, len(texts) + 1) if number - 1 not in found],
        "translations": [
            {"row": number + 1, "hypothesis": said.hypothesis, "score": said.score, "truncated_at": said.source.truncated_at,
             "repeated": said.repeated, "unfinished": said.unfinished}
            for number, said in found.items()
        ],
    }
    return with_columns(table, ["hypothesis"], cells), summary


def read_table(path: Path) -> Table:
    """The table with every cell verbatim: "NA", "007" and "=1+1" stay text.

    Raises:
        InputError: The file is missing, not UTF-8, not CSV, or has no header.
    """
    csv.field_size_limit(10_000_000)  # characters in one cell; the module's own limit is 131,072
    try:
        text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give the path of a CSV file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 at byte {error.start}; save the table as CSV in UTF-8.") from error
    except csv.Error as error:
        raise InputError(f"{path} is not CSV ({error}); save the table as CSV with commas and double quotes.") from error
    if not lines:
        raise InputError(f"{path} is empty, expected a header line and rows; give a table.")
    return Table(lines[0], lines[1:])


def _usable(texts: Sequence[str]) -> dict[int, str]:
    """Number and cleaned text of each row that holds one."""
    from models.text import check_text

    usable: dict[int, str] = {}
    for index, text in enumerate(texts):
        with contextlib.suppress(InputError):
            usable[index] = check_text(text)
    return usable


def with_predictions(table: Table, predictions: Sequence[Prediction | None], labels: Sequence[str]) -> Table:
    """The table with the columns `prediction` and `p_<label>` (0-1) behind its own; raises as `with_columns` does."""
    names = ["prediction", *(f"p_{label}" for label in labels)]
    cells = [
        [""] * len(names) if found is None else [found.label, *(f"{found.probabilities[label]:.6f}" for label in labels)]
        for found in predictions
    ]
    return with_columns(table, names, cells)


def with_columns(table: Table, names: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    """The table with more columns behind its own.

    Raises:
        InputError: The table has one of these columns already.
    """
    taken = [name for name in names if name in table.header]
    if taken:
        raise InputError(f"The table has a column {taken[0]!r} already, which predict would add; rename or drop it.")
    return Table([*table.header, *names], [[*row, *new] for row, new in zip(table.rows, cells, strict=True)])


def write_table(path: Path, table: Table) -> None:
    """Writes the whole table or nothing.

    Raises:
        DiskError: The file cannot be written.
    """
    part = path.parent / f"{path.name}.{os.getpid()}.part"
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([table.header, *table.rows])
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # where it could not even be opened there is nothing to remove
            part.unlink()
        raise DiskError(f"{path} cannot be written ({error.strerror}); choose a folder that exists and has room.") from error


def _summary(classifier: Classifier, predictions: Sequence[Prediction | None]) -> dict[str, Any]:
    return {
        "model": classifier.name,
        "fingerprint": classifier.fingerprint,
        "count": len(predictions),
        "faulty_rows": [number for number, found in enumerate(predictions, 1) if found is None],
        "predictions": [
            {"row": number, "prediction": found.label, "probabilities": found.probabilities, "truncated_at": found.truncated_at}
            for number, found in enumerate(predictions, 1)
            if found is not None
        ],
    }


def _name_faults(numbers: Sequence[int]) -> None:
    if not numbers:
        return
    named = ", ".join(map(str, numbers[:SHOWN_FAULTS]))
    more = f" and {len(numbers) - SHOWN_FAULTS} more" if len(numbers) > SHOWN_FAULTS else ""
    print(f"{len(numbers)} rows have no usable text and no prediction: row {named}{more}", file=sys.stderr)
