"""`python -m audit map`: a table's rows as points in a model's space, on a plane: map.json, coordinates.csv and map.html."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from audit.commands.run import LANGUAGES

METHODS = ("tsne", "pca")
CULTURE, LABEL, PREDICTION = "culture", "label", "prediction"


def add_parser(subparsers: Any) -> None:
    """Adds `map` to the command line."""
    parser = subparsers.add_parser("map", help="place a table's rows on a map of a model's space")
    parser.add_argument("--input", type=Path, required=True, help="CSV, TSV, JSON Lines or Parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder for map.json, coordinates.csv and map.html")
    parser.add_argument("--model", required=True, help="embedded name, folder or hub id")
    parser.add_argument("--text-column", default="text", help="texts (default: text)")
    parser.add_argument("--culture-column", action="append", default=[], help="groups; of several, their intersections (default: culture)")
    parser.add_argument("--label-column", default=LABEL, help="gold labels, where the table has them (default: label)")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="t-SNE after PCA, or PCA alone (default: tsne)")
    parser.add_argument("--colour", choices=(CULTURE, LABEL, PREDICTION), default=CULTURE, help="what map.html is coloured by (default: culture)")
    parser.add_argument("--rows", type=int, default=2_000, help="rows placed, drawn by the seed (default: 2000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="language of map.html")


def run(args: argparse.Namespace) -> int:
    """Writes the files, whose coordinates are the page's, and says what they rest on."""
    from audit.columns import AuditColumns, group_rows
    from audit.row_map import map_rows
    from audit.save import check_folder
    from audit.table import read_audit_table
    from audit.wording import say
    from models.cli import progress_bar
    from models.errors import InputError
    from models.loading import load_classifier

    check_folder(args.output)
    table = read_audit_table(args.input)
    columns = AuditColumns(cultures=tuple(args.culture_column or [CULTURE]), text=args.text_column)
    grouped = group_rows(table, columns, [args.text_column], minimum_group=1)
    model, texts = load_classifier(args.model), table.texts(args.text_column).to_pylist()
    found = map_rows(model, texts, grouped.groups, method=args.method, most_rows=args.rows, seed=args.seed, progress=progress_bar("map"))
    rows = found.rows.tolist()
    own = [texts[row] for row in rows]
    cells = {CULTURE: [grouped.names[grouped.groups[row]] for row in rows], PREDICTION: [said.label for said in model.predict(own)]}
    if args.label_column in table.columns.column_names:
        cells[LABEL] = table.texts(args.label_column).take(found.rows).to_pylist()
    if args.colour not in cells:
        raise InputError(f"{table.name} has no column {args.label_column!r} to colour by; name another with --label-column or --colour.")
    _write(args, found, own, cells)
    print(f"{len(rows):,} of {found.count:,} rows placed in {args.output}")
    print(say(args.language, "map-trust", **found.projection.spelt()))
    return 0


def _write(args: argparse.Namespace, found: Any, texts: list[str], cells: dict[str, list[str]]) -> None:
    """The three files, each whole or not at all."""
    from audit.map_figures import map_dots
    from audit.row_map import map_table
    from audit.wording import say
    from models.disk import full_disk_sentence, whole_file

    values = cells[args.colour]
    figure = map_dots(found.projection.coordinates, (found.rows + 1).tolist(), texts, values, sorted(set(values)))
    figure.update_layout(title={"text": f"{say(args.language, 'map-trust', **found.projection.spelt())}<br>{say(args.language, 'map-far')}",
                                "font": {"size": 13}}, margin={"t": 70}, height=None)
    content = {
        "map.json": json.dumps(found.to_json_dict(), ensure_ascii=False, allow_nan=False, indent=1) + "\n",
        "coordinates.csv": map_table(found, cells).to_csv(index=False, lineterminator="\n"),
        "map.html": figure.to_html(include_plotlyjs=True, config={"displaylogo": False, "showSendToCloud": False}),
    }
    with full_disk_sentence(args.output):
        for name, text in content.items():
            with whole_file(args.output / name) as path:
                path.write_text(text, encoding="utf-8")
