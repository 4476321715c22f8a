"""`python -m models train CONFIG [--resume]`: all stages of a run."""

from __future__ import annotations

import argparse
import json
from typing import Any

from models.cli import progress_bar
from models.config import load_config
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
    from models.training.run import STAGES, RunConfig, run_stages

    config = load_config(RunConfig, args.config)
    stages = tuple(name.strip() for name in args.stages.split(",") if name.strip()) or STAGES
    if not set(stages) & set(STAGES):
        raise ConfigError(f"--stages is {args.stages!r}, expected some of {', '.join(STAGES)}.")
    done = run_stages(config, progress_bar, stages=stages, resume=args.resume)
    if args.json:
        print(json.dumps(done))
        return 0
    for stage in STAGES:
        if stage in done:
            print(f"{stage}: {describe_stage(done[stage])}")
    return 0


def describe_stage(result: dict[str, Any]) -> str:
    """The result of a stage in words."""
    if "phases" in result:
        return "; ".join(f"{phase['phase']} ({describe_stage(phase)})" for phase in result["phases"])
    shown = {key: value for key, value in result.items() if key != "phase"}
    return ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in shown.items())
