"""Whether attention and attributions find the word a word comes from: alignment error rate on sentence pairs aligned by hand.

`python -m benchmarks.alignment --model translation [--pairs en-de en-zh] [--methods ...] [--sentences 20] [--output runs/alignment.json]`
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from models import Translator, load_translator
from models.cli import progress_bar
from xai import TRANSLATION_METHODS
from xai.cross_attention import pair_maps
from xai.forced_pair import ForcedPair, SequenceExplain, explaining, force
from xai.gold_alignments import PAIRS, AlignedPair, read_alignments
from xai.sequence_gradients import sequence_saliency
from xai.word_alignment import Link, align, best_layer, diagonal_baseline, error_rate_of, onto_words

METHODS: dict[str, SequenceExplain] = {
    **{name: explain for name, explain in TRANSLATION_METHODS.items() if name != "cross_attention"},
    "saliency": explaining("saliency", sequence_saliency),
}
DIAGONAL, CHOSEN = "diagonal", "attention, layer chosen without gold"


def main() -> None:
    """Measures every layer and method and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a name under checkpoints/, a folder or a hub id")
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--sentences", type=int, help="the first so many of each pair (default: all)")
    parser.add_argument("--output", default="runs/alignment.json")
    args = parser.parse_args()
    model = load_translator(args.model)
    gold = {pair: read_alignments(pair)[: args.sentences] for pair in args.pairs}
    report = {pair: measure(model, rows, pair, args.methods) for pair, rows in gold.items()}
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output).write_text(json.dumps({"model": model.name, "fingerprint": model.fingerprint, "pairs": report}, indent=1), encoding="utf-8")
    print(f"{model.name}: AER in %, lower is better; " + ", ".join(f"{pair} {len(rows)} sentences" for pair, rows in gold.items()))
    print(f"| links from | {' | '.join(report)} | seconds a sentence |\n|---|{'---:|' * (len(report) + 1)}")
    for name in dict.fromkeys(name for rows in report.values() for name in rows):
        cells = [f"{100 * rows[name]['aer']:.1f}" if name in rows else "" for rows in report.values()]
        print(f"| {name} | {' | '.join(cells)} | {np.mean([rows[name]['seconds'] for rows in report.values() if name in rows]):.2f} |")


def measure(model: Translator, gold: list[AlignedPair], pair: str, methods: list[str]) -> dict[str, dict[str, float]]:
    """Error rate (0-1) and seconds a sentence of the diagonal, of each decoder layer's mean attention and of each method.

    Links of attributions are read off what speaks for a token. Tokens are brought onto the words of the gold links by their characters.
    """
    found: dict[str, list[list[Link]]] = {DIAGONAL: [diagonal_baseline(len(row.source_words), len(row.target_words)) for row in gold]}
    seconds, weights, report = {DIAGONAL: 0.0}, [], progress_bar(pair)
    for number, row in enumerate(gold):
        started = time.perf_counter()
        forced = force_gold(model, row, pair)
        weights.append(pair_maps(forced).weights)
        matrices = {f"attention, layer {layer}": matrix for layer, matrix in enumerate(weights[-1].mean(1))}
        matrices["attention, all layers"] = weights[-1].mean((0, 1))
        spent = dict.fromkeys(matrices, time.perf_counter() - started)
        for method in methods:
            started = time.perf_counter()
            matrices[method] = METHODS[method](model, row.source, row.target, source_language=forced.source_language,
                                               target_language=forced.target_language).source_scores
            spent[method] = time.perf_counter() - started
        for name, matrix in matrices.items():
            found.setdefault(name, []).append(align(onto_words(
                matrix, source_offsets=forced.source.offsets, target_offsets=forced.target.offsets, source_words=row.source_offsets,
                target_words=row.target_offsets)))
            seconds[name] = seconds.get(name, 0.0) + spent[name]
        report(number + 1, len(gold))
    chosen = f"attention, layer {best_layer(*weights)}"
    found[CHOSEN], seconds[CHOSEN] = found[chosen], seconds[chosen]
    return {name: {"aer": error_rate_of((links, row.sure, row.possible) for links, row in zip(rows, gold, strict=True)),
                   "seconds": seconds[name] / len(gold)} for name, rows in found.items()}


def force_gold(model: Translator, row: AlignedPair, pair: str) -> ForcedPair:
    """The hand-made translation as the model is made to write it."""
    source_language, target_language = pair.split("-")
    return force(model, row.source, row.target, source_language=source_language, target_language=target_language)


if __name__ == "__main__":
    main()
