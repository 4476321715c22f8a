"""Whether explanations of translations keep what they promise, on many sentences: the worst that was found, by direction.

`python -m benchmarks.explained_translations --model translation [--sentences 25] [--directions en-zh zh-en] [--output runs/explained.json]`
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models import Translation, Translator, load_translator
from models.cli import progress_bar
from models.errors import InputError
from xai import TRANSLATION_METHODS, SequenceAttribution, cross_attention
from xai.gold_alignments import PAIRS, read_alignments

COLUMNS = {"sentences": "", "tokens": "", "completeness": "IG: worst delta, % of the change", "completeness_nats": "in nats where the change is under 0.01",
           "additivity": "SHAP: worst sum", "attention": "attention: worst row sum", "forced": "own score, forced", "seconds": "s a sentence"}
SMALL = 0.01  # nats; a share of less than this says nothing


def main() -> None:
    """Measures every direction and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a name under checkpoints/, a folder or a hub id")
    parser.add_argument("--sentences", type=int, default=25, help="of each direction")
    parser.add_argument("--directions", nargs="+", help="such as en-zh (default: the first four of the model that there are sentences for)")
    parser.add_argument("--output", default="runs/explained.json")
    args = parser.parse_args()
    model, texts = load_translator(args.model), sentences()
    known = [f"{source}-{target}" for source, target in model.scheme.directions if source in texts]
    directions = args.directions or known[:4]
    if not directions or any(direction.split("-")[0] not in texts for direction in directions):
        raise InputError(f"The directions are {directions}, expected some from {', '.join(texts)}; name them with --directions.")
    report = {direction: measure(model, texts[direction.split("-")[0]][: args.sentences], direction) for direction in directions}
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output).write_text(json.dumps({"model": model.name, "fingerprint": model.fingerprint, "directions": report}, indent=1), encoding="utf-8")
    print(f"| direction | {' | '.join(title or name for name, title in COLUMNS.items())} |\n|---|{'---:|' * len(COLUMNS)}")
    for direction, row in report.items():
        print(f"| {direction} | " + " | ".join(f"{row[name]:.3g}" for name in COLUMNS) + " |")


def sentences() -> dict[str, list[str]]:
    """Our own sentences by language, from the hand alignments."""
    found: dict[str, list[str]] = {}
    for pair in PAIRS:
        for row in read_alignments(pair):
            for language, text in zip(pair.split("-"), (row.source, row.target), strict=True):
                found.setdefault(language, []).append(text)
    return {language: list(dict.fromkeys(texts)) for language, texts in found.items()}


def measure(model: Translator, texts: list[str], direction: str) -> dict[str, float]:
    """The worst of each promise over the sentences of a direction."""
    source_language, target_language = direction.split("-", 1)
    translations = [one for one in model.translate(texts, source_language, target_language) if one.hypothesis]
    started, report = time.perf_counter(), progress_bar(direction)
    worst = dict.fromkeys(COLUMNS, 0.0) | {"sentences": len(translations), "tokens": sum(len(one.tokens) for one in translations)}
    for number, translation in enumerate(translations):
        for name, value in promises(model, translation):
            worst[name] = max(worst[name], value)
        report(number + 1, len(translations))
    return worst | {"seconds": (time.perf_counter() - started) / max(len(translations), 1)}


def promises(model: Translator, translation: Translation) -> Iterator[tuple[str, float]]:
    """How far each promise is from being kept for one translation."""
    source, target = translation.source_language, translation.target_language
    texts = translation.source.text, translation.hypothesis
    gradients, shap = (TRANSLATION_METHODS[name](model, *texts, source_language=source, target_language=target) for name in ("integrated_gradients", "shap"))
    change, off = np.abs(gradients.values - gradients.base_values), missing(gradients)
    yield "completeness", float((100 * off[change >= SMALL] / change[change >= SMALL]).max(initial=0.0))
    yield "completeness_nats", float(off[change < SMALL].max(initial=0.0))
    yield "additivity", float(missing(shap).max())
    attention = cross_attention.maps(model, *texts, source_language=source, target_language=target)
    yield "attention", float(np.abs(attention.weights.sum(-1) + attention.special_weights - 1).max())
    forced = model.score([texts[0]], [texts[1]], source, target)[0]
    yield "forced", abs(forced.score - translation.score)


def missing(found: SequenceAttribution) -> np.ndarray:
    """How far the scores of each target token are from its value less its base value, in nats (target,)."""
    prefix = 0.0 if found.prefix_scores is None else found.prefix_scores.sum(1)
    return np.asarray(np.abs(found.source_scores.sum(1) + prefix - (found.values - found.base_values)))


if __name__ == "__main__":
    main()
