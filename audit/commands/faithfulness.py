"""`python -m audit faithfulness`: how far explanations can be trusted, by method and culture: faithfulness.json, faithfulness.csv, rows.csv and a table."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.config import TASKS
from models.metrics import RESAMPLES

if TYPE_CHECKING:
    from audit.faithfulness_by_culture import FaithfulnessByCulture
    from audit.report_tables import ReportTable

ROWS, BASELINES = 1_000, 100


def add_parser(subparsers: Any) -> None:
    """Adds `faithfulness` to the command line."""
    parser = subparsers.add_parser("faithfulness", help="measure how faithful explanations are in each culture")
    parser.add_argument("--task", choices=TASKS, default="sentiment")
    parser.add_argument("--input", type=Path, required=True, help="CSV, TSV, JSON Lines or Parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder for faithfulness.json, faithfulness.csv and rows.csv")
    parser.add_argument("--model", required=True, help="embedded name, folder or hub id")
    parser.add_argument("--text-column", default="text", help="texts, or sources of translations (default: text)")
    parser.add_argument("--culture-column", action="append", default=[], help="groups; of several, their intersections (default: culture)")
    parser.add_argument("--methods", nargs="+", help="methods measured (default: all of the task)")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows measured, drawn evenly over the groups by the seed (default: {ROWS})")
    parser.add_argument("--baselines", type=int, default=BASELINES, help=f"random rankings of each row (default: {BASELINES})")
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--seed", type=int, default=1)


def run(args: argparse.Namespace) -> int:
    """Writes the files, whose numbers are the page's, and prints every method over all rows and in each culture."""
    from audit.columns import AuditColumns, group_rows
    from audit.faithfulness_by_culture import measure_faithfulness_by_culture
    from audit.save import check_folder
    from audit.table import read_audit_table
    from models.cli import progress_bar
    from models.loading import load_classifier, load_translator
    from xai.methods import METHODS, TRANSLATION_METHODS

    check_folder(args.output)
    table, columns = read_audit_table(args.input), AuditColumns(cultures=tuple(args.culture_column or ["culture"]), text=args.text_column)
    translation = args.task == "translation"
    pair = (columns.source_language, columns.target_language) if translation else ()
    grouped = group_rows(table, columns, [args.text_column, *pair], minimum_group=1)
    languages = list(zip(*(table.texts(name).to_pylist() for name in pair), strict=True)) if translation else None
    found = measure_faithfulness_by_culture(
        (load_translator if translation else load_classifier)(args.model), table.texts(args.text_column).to_pylist(), grouped.groups, grouped.names,
        methods=args.methods or list(TRANSLATION_METHODS if translation else METHODS), languages=languages, most_rows=args.rows, baselines=args.baselines,
        resamples=args.resamples, seed=args.seed, progress=progress_bar("faithfulness"))
    _write(found, grouped.names, args.output)
    return 0


def _write(found: FaithfulnessByCulture, names: tuple[str, ...], folder: Path) -> None:
    """The files, each whole or not at all, and the table on stdout."""
    from audit.faithfulness_tables import measures_table, methods_table, rows_table
    from models.disk import full_disk_sentence, whole_file

    content = {
        "faithfulness.json": json.dumps(found.to_json_dict(), ensure_ascii=False, allow_nan=False, indent=1) + "\n",
        "faithfulness.csv": _frame(measures_table(found)).to_csv(index=False, lineterminator="\n"),
        "rows.csv": _frame(rows_table(found, names)).to_csv(index=False, lineterminator="\n"),
    }
    with full_disk_sentence(folder):
        for name, text in content.items():
            with whole_file(folder / name) as path:
                path.write_text(text, encoding="utf-8")
    print(_frame(methods_table(found)).to_string(index=False, float_format="{:.2f}".format))
    print(f"{found.measured:,} of {found.count:,} rows measured; {found.unread:,} could not be read; files in {folder}")


def _frame(table: ReportTable) -> Any:
    import pandas as pd

    return pd.DataFrame(list(table.rows), columns=list(table.columns))
