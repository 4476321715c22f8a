"""How long a reader waits: prediction and every method on the shipped model, beside the bare forward passes they need.

`python -m benchmarks.latency [--model toy] [--repeats 5] [--output runs/latency.json]`
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import torch

from audit import read_probe
from models import load_classifier
from models.classifier import Classifier
from models.loading import list_checkpoints
from models.tokens import tokenize
from xai import METHODS, attention
from xai.methods import warm_up

CULTURES = ("en-US", "zh-CN", "ar-EG", "hi-IN", "th-TH", "de-DE")


def main() -> None:
    """Times everything over one sentence a culture and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a name under checkpoints/ or a folder; the shipped model, else the first there is")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", default="runs/latency.json")
    args = parser.parse_args()
    names = list_checkpoints()
    started = time.perf_counter()
    model = load_classifier(args.model or ("sentiment" if "sentiment" in names else names[0]))
    loading = time.perf_counter() - started
    warm_up(model)
    texts = [next(s.text for s in read_probe() if s.culture == culture) for culture in CULTURES]
    rows: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ("prediction", "attention", *METHODS)}
    for text in texts:
        for _ in range(args.repeats):
            rows["prediction"].append((timed(lambda text=text: model.predict([text])), floor(model, text, 1), 1))
            rows["attention"].append((timed(lambda text=text: attention.maps(model, text)), floor(model, text, 1), 1))
            for name, explain in METHODS.items():
                begun = time.perf_counter()
                result = explain(model, text)
                rows[name].append((time.perf_counter() - begun, floor(model, text, result.evaluations), result.evaluations))
    report = {"machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}", "loading_seconds": loading, "rows": {
        name: {"median_seconds": statistics.median(s for s, _, _ in values), "slowest_seconds": max(s for s, _, _ in values),
               "median_ratio_to_floor": statistics.median(s / f for s, f, _ in values), "median_evaluations": statistics.median(e for _, _, e in values)}
        for name, values in rows.items()}}
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output).write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(f"{report['machine']}; loading {loading:.2f} s; {len(texts)} sentences × {args.repeats}")
    print("| step | median s | slowest s | evaluations | times the bare forward passes |\n|---|---:|---:|---:|---:|")
    for name, row in report["rows"].items():  # type: ignore[attr-defined]
        print(f"| {name} | {row['median_seconds']:.3f} | {row['slowest_seconds']:.3f} | {row['median_evaluations']:.0f} | {row['median_ratio_to_floor']:.1f} |")


def timed(work: object) -> float:
    """Seconds one call takes."""
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started


def floor(model: Classifier, text: str, evaluations: int) -> float:
    """Seconds of the bare forward passes: that many copies of the text in batches of 64, no gradient."""
    ids = torch.tensor([tokenize(model, text).input_ids])
    started = time.perf_counter()
    with torch.inference_mode():
        for begin in range(0, evaluations, 64):
            batch = ids.expand(min(64, evaluations - begin), -1)
            model.model(input_ids=batch, attention_mask=torch.ones_like(batch))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
