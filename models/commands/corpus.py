"""`python -m models corpus build|describe|pack CONFIG`: the training table, its data sheet and its packed shards."""

from __future__ import annotations

import argparse
import json
from typing import Any

from models.cli import progress_bar
from models.config import load_config, read_task


def add_parser(subparsers: Any) -> None:
    """Adds `corpus` to the command line."""
    parser = subparsers.add_parser("corpus", help="build, describe or pack the corpora")
    parser.add_argument("action", choices=["build", "describe", "pack"])
    parser.add_argument("config", help="YAML of the corpus (build, describe) or of a run (pack)")
    parser.add_argument("--by", choices=["culture", "dataset", "language", "domain"], default="culture", help="rows of the data sheet")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Builds, describes or packs."""
    if args.action == "pack":
        manifest = _pack(args.config)
        print(json.dumps(manifest) if args.json else f"{manifest['rows']:,} rows, {manifest['tokens']:,} tokens, {len(manifest['shards'])} shards")
        return 0
    if args.action == "describe":
        _describe(args)
        return 0
    if read_task(args.config) == "translation":
        from models.data.pair_corpus import PairCorpusConfig, build_pairs

        pair_config = load_config(PairCorpusConfig, args.config)
        report, output = build_pairs(pair_config, progress_bar("build")), pair_config.output
    else:
        from models.data.corpus import CorpusConfig, build_corpus

        config = load_config(CorpusConfig, args.config)
        report, output = build_corpus(config, progress_bar("build")), config.output
    print(json.dumps(report, ensure_ascii=False) if args.json else format_report(report, output))
    return 0


def _pack(path: str) -> dict[str, Any]:
    if read_task(path) == "translation":
        from models.training.translation_run import TranslationRunConfig, pack_pairs

        return pack_pairs(load_config(TranslationRunConfig, path), progress_bar("pack"))
    from models.training.run import RunConfig, pack_corpus

    return pack_corpus(load_config(RunConfig, path), progress_bar("pack"))


def format_report(report: dict[str, Any], output: str) -> str:
    """What was kept and what was removed, by data set and reason."""
    lines = [f"{'data set':<24}{'read':>9}{'kept':>9}{'faults':>8}  removed"]
    for name, row in report["datasets"].items():
        removed = ", ".join(f"{reason} {count:,}" for reason, count in row["removed"].items()) or "-"
        lines.append(f"{name:<24}{row['read']:>9,}{row['kept']:>9,}{row['faults']:>8,}  {removed}")
    lines.append(f"{report['rows']:,} rows kept; every removed row is listed with its reason in {output}/removed.parquet")
    lines += report["faults"][:20]
    return "\n".join(lines)


def _describe(args: argparse.Namespace) -> None:
    if read_task(args.config) == "translation":
        from models.data.pair_corpus import PairCorpusConfig
        from models.data.pair_sheet import describe_pairs, format_pair_sheet

        sheet = describe_pairs(load_config(PairCorpusConfig, args.config).output, args.by)
        text = format_pair_sheet(sheet, args.by)
    else:
        from models.data.corpus import CorpusConfig
        from models.data.describe import describe, format_sheet

        sheet = describe(load_config(CorpusConfig, args.config).output, args.by)
        text = format_sheet(sheet, args.by)
    print(json.dumps(sheet, ensure_ascii=False) if args.json else text)
