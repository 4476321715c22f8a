"""How fast an audit is, beside fairlearn, beside sacreBLEU's own bootstrap, and beside the bare forward passes of a model.

`python -m benchmarks.audit [--rows 1000000] [--cultures 20] [--resamples 2000] [--peer-resamples 200] [--model toy]`; fairlearn comes from
`benchmarks/requirements.txt`, and its line is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from audit import AuditColumns, AuditConfig, audit_predictions, parse_audit_table, read_probe
from audit.predicting import predict_table
from audit.translation_errors import Translations
from audit.translation_rows import measure_translation_rows
from models import load_classifier
from models.inference import evaluate_rows
from models.tokens import tokenize

LABELS = ("negative", "neutral", "positive")
WORDS = ["the", "bus", "was", "late", "again", "and", "nobody", "said", "why", "but", "a", "kind", "driver", "made", "up", "for", "it", "with", "a", "smile"]
PAIRS, PAIR_RESAMPLES = 20_000, 1_000


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--cultures", type=int, default=20)
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--peer-resamples", type=int, default=200, help="of fairlearn, whose time is scaled to those of ours")
    parser.add_argument("--model", default="toy")
    args = parser.parse_args()
    print("| what | ours | beside it | ratio |\n|---|---:|---:|---:|")
    for line in (whole_table(args.rows // 10, args.cultures), whole_table(args.rows, args.cultures), beside_fairlearn(args.resamples, args.peer_resamples),
                 beside_sacrebleu(), beside_forward(args.model)):
        print(f"| {' | '.join(line)} |", flush=True)


def write_rows(path: Path, count: int, cultures: int, *, seed: int = 1) -> None:
    """A CSV table with texts, labels, predictions and probabilities; every culture is a little worse than the one before."""
    generator = np.random.default_rng(seed)
    gold, culture = generator.integers(0, 3, count), generator.integers(0, cultures, count)
    right = generator.random(count) < 0.85 - 0.01 * culture
    said = np.where(right, gold, (gold + generator.integers(1, 3, count)) % 3)
    sure = generator.uniform(0.4, 1, count)
    words = generator.integers(0, len(WORDS), (count, 10))
    with path.open("w", encoding="utf-8") as file:
        file.write("text,label,prediction,culture," + ",".join(f"p_{label}" for label in LABELS) + "\n")
        for row in range(count):
            shares = [f"{sure[row] if number == said[row] else (1 - sure[row]) / 2:.4f}" for number in range(3)]
            text = " ".join(WORDS[word] for word in words[row])
            file.write(f"{text},{LABELS[gold[row]]},{LABELS[said[row]]},c{culture[row]:02},{','.join(shares)}\n")


def whole_table(count: int, cultures: int) -> tuple[str, str, str, str]:
    """From file to report.json, card and rows, as a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_rows(path, count, cultures)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "audit", "run", "--input", str(path), "--output", folder], check=True, capture_output=True)
        seconds = time.perf_counter() - began
        began = time.perf_counter()
        parse_audit_table(path.read_bytes(), path.name)
        reading = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6  # of the largest child so far, so that tables must come in rising order
        size = path.stat().st_size / 1e6
    what = f"{count:,} rows × {cultures} cultures, {size:.0f} MB, 2,000 resamples"
    return what, f"{seconds:.1f} s, peak {peak:.2f} GB", f"reading {reading:.1f} s", "-"


def beside_fairlearn(resamples: int, peer_resamples: int) -> tuple[str, str, str, str]:
    """Accuracy and macro-F1 of 20,000 rows in 8 groups with bootstrap intervals; the widest difference of an end of an interval is told."""
    title = f"20,000 rows × 8 groups, accuracy and macro-F1, {resamples:,} resamples"
    try:
        from fairlearn.metrics import MetricFrame
    except ImportError:
        return title, "-", "fairlearn is not installed", "-"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_rows(path, 20_000, 8)
        table = parse_audit_table(path.read_bytes(), path.name)
    began = time.perf_counter()
    report = audit_predictions(table, AuditColumns(text="-"), AuditConfig(resamples=resamples))
    ours = time.perf_counter() - began
    columns = {name: np.array(table.texts(name).to_pylist()) for name in ("label", "prediction", "culture")}

    def macro(y_true: Any, y_pred: Any) -> float:
        return float(f1_score(y_true, y_pred, average="macro"))

    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = MetricFrame(metrics={"accuracy": accuracy_score, "macro_f1": macro}, y_true=columns["label"], y_pred=columns["prediction"],
                            sensitive_features=columns["culture"], n_boot=peer_resamples, ci_quantiles=[0.025, 0.975], random_state=1)
        ends = frame.by_group_ci
    theirs = (time.perf_counter() - began) * resamples / peer_resamples
    widest = max(abs(100 * end.loc[group.group, name] - value) for group in report.by_culture for name in ("accuracy", "macro_f1")
                 for end, value in zip(ends, (group.metrics[name].low, group.metrics[name].high), strict=True))
    return (title, f"{ours:.3f} s with all other metrics, gaps and pairs", f"fairlearn {version('fairlearn')} {theirs:.0f} s (from {peer_resamples} resamples; "
            f"ends of intervals at most {widest:.2f} points apart)", f"{theirs / ours:,.0f}")


def beside_sacrebleu() -> tuple[str, str, str, str]:
    """BLEU and chrF of 20,000 pairs with 1,000 resamples, once their statistics are counted; sacreBLEU's way adds up and scores each resample by itself."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    generator = np.random.default_rng(1)
    references = [" ".join(WORDS[word] for word in row) for row in generator.integers(0, len(WORDS), (PAIRS, 14))]
    hypotheses = [" ".join(word for word in text.split() if generator.random() < 0.85) for text in references]
    columns = Translations(references, hypotheses, references, ["de"] * PAIRS, ["en"] * PAIRS)
    began = time.perf_counter()
    measure_translation_rows(np.zeros(PAIRS, dtype=np.int64), columns, ["all"], resamples=100)
    few = time.perf_counter() - began
    began = time.perf_counter()
    measure_translation_rows(np.zeros(PAIRS, dtype=np.int64), columns, ["all"], resamples=100 + PAIR_RESAMPLES)
    ours = (time.perf_counter() - began - few) / 2  # overall and by group are both drawn
    theirs = 0.0
    for metric in (BLEU(), CHRF()):
        statistics = np.array(metric._extract_corpus_statistics(hypotheses, [references]))
        began = time.perf_counter()
        for _ in range(PAIR_RESAMPLES):
            metric._compute_score_from_stats(statistics[generator.integers(0, PAIRS, PAIRS)].sum(0).tolist())
        theirs += time.perf_counter() - began
    return (f"BLEU, chrF, TER, ROUGE-L and rates of errors of {PAIRS:,} pairs, {PAIR_RESAMPLES:,} resamples", f"{ours:.1f} s (counting before it {few:.1f} s)",
            f"sacreBLEU {version('sacrebleu')}, BLEU and chrF one resample at a time {theirs:.1f} s", f"{theirs / ours:.1f}")


def beside_forward(name: str) -> tuple[str, str, str, str]:
    """Predicting a table against the bare passes of the same length-sorted batches."""
    model = load_classifier(name)
    texts = [sentence.text for sentence in read_probe()]
    table = parse_audit_table("".join(json.dumps({"text": text}) + "\n" for text in texts).encode(), "probe.jsonl")
    rows = [tokenize(model, text).input_ids for text in texts]
    evaluate_rows(model, rows)
    bare, whole = [], []
    for _ in range(5):
        began = time.perf_counter()
        evaluate_rows(model, rows)
        bare.append(time.perf_counter() - began)
        began = time.perf_counter()
        predict_table(table, AuditColumns(), model)
        whole.append(time.perf_counter() - began)
    ratio = float(np.median(bare) / np.median(whole))
    return f"{len(texts)} texts predicted by {name}", f"{np.median(whole):.3f} s", f"bare passes {np.median(bare):.3f} s", f"{ratio:.0%} of their throughput"


if __name__ == "__main__":
    main()
