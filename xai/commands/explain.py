"""`python -m xai explain`: the attribution of one text, with the numbers the page shows."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

METHOD_NAMES = ("shap", "lime", "integrated_gradients", "input_x_gradient", "occlusion", "attention_rollout")


def add_parser(subparsers: Any) -> None:
    """Adds `explain` to the command line."""
    parser = subparsers.add_parser("explain", help="explain the prediction for one text")
    parser.add_argument("--task", choices=["sentiment"], default="sentiment")
    parser.add_argument("--model", default="sentiment", help="embedded name, folder or hub id (default: sentiment)")
    parser.add_argument("--method", choices=METHOD_NAMES, default="shap")
    parser.add_argument("--text", required=True)
    parser.add_argument("--target", help="label to explain (default: the predicted one)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print all fields of the attribution as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints one token a line with its score, or JSON."""
    from models.cli import progress_bar
    from models.loading import load_classifier
    from xai.methods import METHODS

    attribution = METHODS[args.method](load_classifier(args.model), args.text, args.target, seed=args.seed, progress=progress_bar(args.method))
    if args.json:
        print(json.dumps(attribution.to_json_dict(), ensure_ascii=False))
        return 0
    words = attribution.words()
    for token, score in zip(words.tokens, words.scores, strict=True):
        print(f"{score:+.4f}\t{token}")
    print(f"{attribution.target} {attribution.output} {attribution.value:.4f}, without any token {attribution.base_value:.4f}; "
          f"{attribution.evaluations} evaluations, {attribution.seconds:.2f} s", file=sys.stderr)
    return 0
