"""`python -m xai explain`: the attribution of one text or translation, with the numbers the page shows."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from models.errors import InputError

METHOD_NAMES = ("shap", "shapley", "lime", "integrated_gradients", "input_x_gradient", "occlusion", "attention_rollout")
TRANSLATION_METHOD_NAMES = ("shap", "lime", "integrated_gradients", "input_x_gradient", "occlusion", "cross_attention")
FOR_ONE_TASK = {"target": "sentiment", "hypothesis": "translation", "source_language": "translation", "target_language": "translation"}


def add_parser(subparsers: Any) -> None:
    """Adds `explain` to the command line."""
    parser = subparsers.add_parser("explain", help="explain the prediction for one text, or every token of its translation")
    parser.add_argument("--task", choices=["sentiment", "translation"], default="sentiment")
    parser.add_argument("--model", help="embedded name, folder or hub id (default: the name of the task)")
    parser.add_argument("--method", choices=sorted({*METHOD_NAMES, *TRANSLATION_METHOD_NAMES}), default="shap")
    parser.add_argument("--text", required=True)
    parser.add_argument("--target", help="label to explain (default: the predicted one)")
    parser.add_argument("--source-language", help="language of the text, for a translation")
    parser.add_argument("--target-language", help="language to translate into")
    parser.add_argument("--hypothesis", help="translation to explain (default: the model's own)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faithfulness", action="store_true", help="measure whether the explanation is better than chance, by removing words")
    parser.add_argument("--json", action="store_true", help="print all fields of the attribution as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints one token a line with its score, or JSON."""
    for name, task in FOR_ONE_TASK.items():
        if getattr(args, name) is not None and task != args.task:
            raise InputError(f"--{name.replace('_', '-')} came with --task {args.task}, expected --task {task}; leave it out.")
    names = METHOD_NAMES if args.task == "sentiment" else TRANSLATION_METHOD_NAMES
    if args.method not in names:
        raise InputError(f"{args.method} does not explain --task {args.task}; choose one of {', '.join(names)}.")
    return _explain_prediction(args) if args.task == "sentiment" else _explain_translation(args)


def _explain_prediction(args: argparse.Namespace) -> int:
    from models.cli import progress_bar
    from models.loading import load_classifier
    from xai.methods import METHODS

    model = load_classifier(args.model or args.task)
    attribution = METHODS[args.method](model, args.text, args.target, seed=args.seed, progress=progress_bar(args.method))
    trust = _trust(args, model, attribution)
    if args.json:
        print(json.dumps({**attribution.to_json_dict(), **trust}, ensure_ascii=False))
        return 0
    words = attribution.words()
    for token, score in zip(words.tokens, words.scores, strict=True):
        print(f"{score:+.4f}\t{token}")
    print(f"{attribution.target} {attribution.output} {attribution.value:.4f}, without any token {attribution.base_value:.4f}; "
          f"{attribution.evaluations} evaluations, {attribution.seconds:.2f} s", file=sys.stderr)
    return 0


def _trust(args: argparse.Namespace, model: Any, attribution: Any) -> dict[str, Any]:
    """What is measured of an explanation where it was asked for; the verdict goes to stderr."""
    if not args.faithfulness:
        return {}
    from models.cli import progress_bar
    from xai.faithfulness import measure_faithfulness

    found = measure_faithfulness(model, attribution, seed=args.seed, progress=progress_bar("faithfulness"))
    measures = found.measures
    print(f"{measures.verdict}{f' ({measures.reason})' if measures.reason else ''}: comprehensiveness {measures.comprehensiveness.value:.3f} (random orders "
          f"{measures.comprehensiveness.low:.3f} to {measures.comprehensiveness.high:.3f}), sufficiency {measures.sufficiency.value:.3f} "
          f"({measures.sufficiency.low:.3f} to {measures.sufficiency.high:.3f})", file=sys.stderr)
    return {"faithfulness": found.to_json_dict()}


def _explain_translation(args: argparse.Namespace) -> int:
    from models.cli import progress_bar
    from models.loading import load_translator
    from xai.contributions import contributions
    from xai.methods import TRANSLATION_METHODS

    if not (args.source_language and args.target_language):
        raise InputError("A translation is explained from one language to another; give --source-language and --target-language, such as en and zh.")
    model = load_translator(args.model or args.task)
    attribution = TRANSLATION_METHODS[args.method](
        model, args.text, args.hypothesis, source_language=args.source_language,
        target_language=args.target_language, seed=args.seed, progress=progress_bar(args.method),
    )
    trust = _trust(args, model, attribution)
    if args.json:
        print(json.dumps({**attribution.to_json_dict(), **trust}, ensure_ascii=False))
        return 0
    words = attribution.words()
    found = contributions(words)
    for number, word in enumerate(words.target_tokens):
        best = int(words.source_scores[number].argmax())
        print(f"{words.values[number]:+.4f}\t{word}\t{words.source_scores[number, best]:+.4f}\t{words.source_tokens[best]}\t{found.source_shares[number]:.2f}")
    for title, tokens, flags in (("may be made up", words.target_tokens, found.ignores_source), ("left over", words.source_tokens, found.untouched)):
        if flags.any():
            print(f"{title}: {', '.join(token for token, flag in zip(tokens, flags, strict=True) if flag)}", file=sys.stderr)
    print(f"{attribution.output}, log-probability {attribution.values.sum():.4f} in all, without any token {attribution.base_values.sum():.4f}; "
          f"{attribution.evaluations} evaluations, {attribution.seconds:.2f} s", file=sys.stderr)
    return 0
