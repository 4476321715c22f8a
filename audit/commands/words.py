"""`python -m audit words`: the words behind a model's predictions, by culture and class, from a sample of a table's rows."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from audit.attribution_totals import LANGUAGE, METHOD, MINIMUM, MOST_ROWS
from models.metrics import RESAMPLES


def add_parser(subparsers: Any) -> None:
    """Adds `words` to the command line."""
    parser = subparsers.add_parser("words", help="name the words behind a model's predictions")
    parser.add_argument("--input", type=Path, required=True, help="CSV, TSV, JSON Lines or Parquet")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    parser.add_argument("--model", required=True, help="embedded name, folder or hub id")
    parser.add_argument("--text-column", default="text", help="texts (default: text)")
    parser.add_argument("--culture-column", action="append", default=[], help="groups; of several, their intersections (default: culture)")
    parser.add_argument("--language-column", default=LANGUAGE, help="languages of the texts, where the table has them (default: language)")
    parser.add_argument("--method", default=METHOD, help=f"how words are weighed (default: {METHOD})")
    parser.add_argument("--rows", type=int, default=MOST_ROWS, help=f"rows explained, drawn by the seed (default: {MOST_ROWS})")
    parser.add_argument("--minimum", type=int, default=MINIMUM, help=f"rows of the rarest word told (default: {MINIMUM})")
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--seed", type=int, default=1)


def run(args: argparse.Namespace) -> int:
    """Writes the totals, the same as the page's, and says what they rest on."""
    from audit.attribution_totals import attribution_totals
    from audit.columns import AuditColumns, group_rows
    from audit.save import check_folder
    from audit.table import read_audit_table
    from models.cli import progress_bar
    from models.disk import full_disk_sentence, whole_file
    from models.loading import load_classifier

    check_folder(args.output.parent)
    table = read_audit_table(args.input)
    columns = AuditColumns(cultures=tuple(args.culture_column or ["culture"]), text=args.text_column)
    rows = group_rows(table, columns, [args.text_column], minimum_group=1)
    languages = table.texts(args.language_column).to_pylist() if args.language_column in table.columns.column_names else None
    found = attribution_totals(load_classifier(args.model), table.texts(args.text_column).to_pylist(), rows.groups, rows.names, languages=languages,
                               method=args.method, most_rows=args.rows, minimum=args.minimum, resamples=args.resamples, seed=args.seed,
                               progress=progress_bar("words"))
    with full_disk_sentence(args.output), whole_file(args.output) as path:
        path.write_text(json.dumps(found.to_json_dict(), ensure_ascii=False, allow_nan=False, indent=1) + "\n", encoding="utf-8")
    print(f"{found.explained:,} of {found.count:,} rows explained; {sum(len(part.words) for part in found.overall):,} words in {args.output}")
    return 0
