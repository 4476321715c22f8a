"""`python -m audit run`: a table in, report.json, report.html and rows.parquet out; the numbers are those of the page."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.columns import AuditColumns
from models.config import TASKS
from models.errors import ConfigError, InputError

if TYPE_CHECKING:
    from audit.table import AuditTable
    from models.classifier import Classifier
    from models.translator import Translator

SHORT = {"f1": "macro_f1"}  # other names of metrics in a budget
LANGUAGES = ("en", "zh")


def add_parser(subparsers: Any) -> None:
    """Adds `run` to the command line."""
    parser = subparsers.add_parser("run", help="audit a table by culture")
    parser.add_argument("--task", choices=TASKS, default="sentiment")
    parser.add_argument("--input", type=Path, required=True, help="CSV, TSV, JSON Lines or Parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder for report.json, report.html and rows.parquet")
    parser.add_argument("--text-column", default="text", help="texts, or sources of translations (default: text)")
    parser.add_argument("--label-column", default="label", help="gold labels, or references (default: label)")
    parser.add_argument("--culture-column", action="append", default=[], help="groups; of several, their intersections (default: culture)")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--prediction-column", help="predictions, or hypotheses, that the table brings (default: prediction)")
    given.add_argument("--model", help="embedded name, folder or hub id of the model that shall predict")
    parser.add_argument("--item-column", default="", help="key of content that stands in several groups (parallel audit)")
    parser.add_argument("--feature-column", action="append", default=[], help="further column in which slices are looked for, e.g. domain")
    parser.add_argument("--annotator-column", action="append", default=[], help="labels by one annotator; two or more give the human ceiling")
    parser.add_argument("--source-language", help="translation: language of all sources (default: the column source_language)")
    parser.add_argument("--target-language", help="translation: language of all targets (default: the column target_language)")
    parser.add_argument("--budget", action="append", default=[], metavar="METRIC=VALUE", help="largest gap allowed, e.g. f1=10; exit 1 if proven larger")
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minimum-group", type=int, default=30, help="rows of the smallest group that is measured (default: 30)")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="language of report.html and of what is said")
    parser.add_argument("--json", action="store_true", help="print report.json")


def run(args: argparse.Namespace) -> int:
    """Audits the table; says every verdict on stderr."""
    from audit.report import AuditConfig
    from audit.run import run_audit
    from audit.save import check_folder, save_audit
    from audit.table import read_audit_table
    from audit.wording import budget_sentence, verdict_lines
    from models.cli import progress_bar

    config = AuditConfig(resamples=args.resamples, seed=args.seed, minimum_group=args.minimum_group, budgets=read_budgets(args.budget))
    check_folder(args.output)
    table = _with_languages(read_audit_table(args.input), args)
    result = run_audit(table, args.task, _columns(args), config, model=_load(args), progress=progress_bar("audit"))
    save_audit(result, args.output, args.language)
    report = result.report
    for name in report.gaps:
        print(*verdict_lines(args.language, report, name), file=sys.stderr)
    if args.json:
        print(json.dumps(result.to_json_dict(), ensure_ascii=False, allow_nan=False))
    over = report.over_budget(config.budgets)
    for name, gap in over.items():
        print(budget_sentence(args.language, name, gap), file=sys.stderr)
    return 1 if over else 0


def read_budgets(words: Sequence[str]) -> dict[str, float]:
    """Budgets by metric from words such as f1=10.

    Raises:
        ConfigError: A word is not of this form, or a metric comes twice.
    """
    budgets: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        name = SHORT.get(name.strip(), name.strip())
        try:
            number = float(value)
        except ValueError as error:
            raise ConfigError(f"The budget {word!r} is not a metric and a number; write one such as f1=10.") from error
        if name in budgets:
            raise ConfigError(f"The metric {name} has two budgets, {budgets[name]:g} and {number:g}; give one.")
        budgets[name] = number
    return budgets


def _columns(args: argparse.Namespace) -> AuditColumns:
    from audit.predicting import HYPOTHESIS, PREDICTION

    own = HYPOTHESIS if args.task == "translation" else PREDICTION
    return AuditColumns(
        label=args.label_column, prediction=args.prediction_column or own, cultures=tuple(args.culture_column or ["culture"]), text=args.text_column,
        item=args.item_column, features=tuple(args.feature_column), annotators=tuple(args.annotator_column))


def _load(args: argparse.Namespace) -> Classifier | Translator | None:
    if args.model is None:
        return None
    from models.loading import load_classifier, load_translator

    return load_translator(args.model) if args.task == "translation" else load_classifier(args.model)


def _with_languages(table: AuditTable, args: argparse.Namespace) -> AuditTable:
    """The table with the languages said on the command line as columns."""
    for name in ("source_language", "target_language"):
        value = getattr(args, name)
        if value is None:
            continue
        if args.task != "translation":
            raise InputError(f"--{name.replace('_', '-')} came with --task {args.task}, expected --task translation; leave it out.")
        table = table.with_columns({name: [value] * table.columns.num_rows})
    return table
