"""`python -m models evaluate CONFIG`: measures the checkpoint of a run and writes its figures and model card."""

from __future__ import annotations

import argparse
import json
from typing import Any

from models.cli import progress_bar
from models.config import load_config, read_task


def add_parser(subparsers: Any) -> None:
    """Adds `evaluate` to the command line."""
    parser = subparsers.add_parser("evaluate", help="measure a trained model")
    parser.add_argument("config", help="YAML of the run, e.g. configs/sentiment.yaml")
    parser.add_argument("--no-write", action="store_true", help="leave evaluation.json and the model card as they are")
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the headline table and writes evaluation.json and README.md beside the weights."""
    report, table = _translation(args) if read_task(args.config) == "translation" else _sentiment(args)
    print(json.dumps(report, ensure_ascii=False) if args.json else table)
    return 0


def _sentiment(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from models.card import write_card
    from models.evaluation import evaluate_run, format_headline
    from models.training.run import RunConfig

    config = load_config(RunConfig, args.config)
    report = evaluate_run(config, progress_bar("evaluate"))
    if not args.no_write:
        write_card(config, report)
    return report, format_headline(report)


def _translation(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from models.training.translation_run import TranslationRunConfig
    from models.translation_card import write_translation_card
    from models.translation_evaluation import evaluate_translator, format_headline

    config = load_config(TranslationRunConfig, args.config)
    report = evaluate_translator(config, progress_bar("evaluate"))
    if not args.no_write:
        write_translation_card(config, report)
    return report, format_headline(report)
