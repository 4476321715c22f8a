"""`python -m models train CONFIG [--resume]`: all stages of a run."""

from __future__ import annotations

import argparse
import json
from typing import Any

from models.cli import progress_bar
from models.config import load_config, read_task
from models.errors import ConfigError


def add_parser(subparsers: Any) -> None:
    """Adds `train` to the command line."""
    parser = subparsers.add_parser("train", help="train a model from a YAML file")
    parser.add_argument("config", help="YAML of the run, e.g. configs/toy.yaml")
    parser.add_argument("--resume", action="store_true", help="go on where a killed run stopped")
    parser.add_argument("--stages", default="", help="comma-separated stages to run (default: all)")
    parser.add_argument("--json", action="store_true", help="print what every stage says of itself as JSON")


def run(args: argparse.Namespace) -> int:
    """Trains and prints one line a stage."""
    known, done = _translation(args) if read_task(args.config) == "translation" else _sentiment(args)
    if args.json:
        print(json.dumps(done))
        return 0
    for stage in known:
        if stage in done:
            print(f"{stage}: {describe_stage(done[stage])}")
    return 0


def _sentiment(args: argparse.Namespace) -> tuple[tuple[str, ...], dict[str, Any]]:
    from models.training.run import STAGES, RunConfig, run_stages

    config = load_config(RunConfig, args.config)
    return STAGES, run_stages(config, progress_bar, stages=_chosen(args.stages, STAGES), resume=args.resume)


def _translation(args: argparse.Namespace) -> tuple[tuple[str, ...], dict[str, Any]]:
    from models.training.translation_run import STAGES, TranslationRunConfig, run_translation_stages

    config = load_config(TranslationRunConfig, args.config)
    return STAGES, run_translation_stages(config, progress_bar, stages=_chosen(args.stages, STAGES), resume=args.resume)


def _chosen(named: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The stages of a comma-separated list, all where it is empty."""
    stages = tuple(name.strip() for name in named.split(",") if name.strip()) or known
    if not set(stages) & set(known):
        raise ConfigError(f"--stages is {named!r}, expected some of {', '.join(known)}.")
    return stages


def describe_stage(result: dict[str, Any]) -> str:
    """The result of a stage in words."""
    if "phases" in result:
        return "; ".join(f"{phase['phase']} ({describe_stage(phase)})" for phase in result["phases"])
    shown = {key: value for key, value in result.items() if key != "phase"}
    return ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in shown.items())
