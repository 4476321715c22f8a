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
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import norm
from sklearn.metrics import accuracy_score, f1_score

from audit import AuditColumns, AuditConfig, audit_predictions, parse_audit_table, read_probe
from audit.parallel import align_items
from audit.predicting import predict_table
from audit.translation_errors import Translations, check_translations
from audit.translation_rows import measure_translation_rows
from models import load_classifier
from models.inference import evaluate_rows
from models.metrics import Interval
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
    parts = (lambda: [whole_table(args.rows // 10, args.cultures)], lambda: [whole_table(args.rows, args.cultures)],
             lambda: [beside_fairlearn(args.resamples, args.peer_resamples)], lambda: [beside_sacrebleu()], lambda: beside_forward(args.model))
    for line in (line for part in parts for line in part()):  # each is shown as soon as it is measured
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
    """Accuracy and macro-F1 of 20,000 rows in 8 groups with bootstrap intervals; both sides get labels and predictions only."""
    title = f"20,000 rows × 8 groups, {resamples:,} resamples"
    try:
        from fairlearn.metrics import MetricFrame
    except ImportError:
        return title, "-", "fairlearn is not installed", "-"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_rows(path, 20_000, 8)
        whole = parse_audit_table(path.read_bytes(), path.name)
    table = replace(whole, columns=whole.columns.select(["label", "prediction", "culture"]))
    ours = []
    for _ in range(5):
        began = time.perf_counter()
        report = audit_predictions(table, AuditColumns(text="-"), AuditConfig(resamples=resamples))
        ours.append(time.perf_counter() - began)
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
    apart = [abs(100 * end.loc[group.group, name] - value) / (_percentile_error(group.metrics[name]) * np.sqrt(1 / peer_resamples + 1 / resamples))
             for group in report.by_culture for name in ("accuracy", "macro_f1")
             for end, value in zip(ends, (group.metrics[name].low, group.metrics[name].high), strict=True)]
    middle = float(np.median(ours))
    return (title, f"{middle:.2f} s: nine metrics with gaps, every pair, adjusted gaps",
            f"fairlearn {version('fairlearn')} {theirs:,.0f} s (from {peer_resamples} resamples): two metrics; ends of {len(apart) // 2} intervals "
            f"{np.sqrt(np.mean(np.square(apart))):.1f} Monte-Carlo errors apart (root mean square)", f"{theirs / middle:,.0f}")


def _percentile_error(measured: Interval) -> float:
    """Standard error of a 2.5 % percentile from one resample, of n ones 1/sqrt(n) of it, if resamples are about normal."""
    spread = (measured.high - measured.low) / (2 * norm.ppf(0.975))
    return float(spread * np.sqrt(0.025 * 0.975) / norm.pdf(norm.ppf(0.975)))


def beside_sacrebleu() -> tuple[str, str, str, str]:
    """The paired comparison of two systems on 20,000 pairs with 1,000 resamples, after the statistics of the sentences are counted."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.significance import PairedTest

    generator = np.random.default_rng(1)
    references = [" ".join(WORDS[word] for word in row) for row in generator.integers(0, len(WORDS), (PAIRS, 14))]
    systems = [[" ".join(word for word in text.split() if generator.random() < kept) for text in references] for kept in (0.85, 0.8)]
    groups, items = np.repeat([0, 1], PAIRS), np.tile(np.char.mod("%d", np.arange(PAIRS)), 2)
    columns = Translations(references * 2, systems[0] + systems[1], references * 2, ["de"] * 2 * PAIRS, ["en"] * 2 * PAIRS)
    checkpoints = [time.perf_counter()]

    def note(done: int, total: int) -> None:
        if done == total:
            checkpoints.append(time.perf_counter())

    measure_translation_rows(groups, columns, ["a", "b"], parallel=align_items(groups, items, ["a", "b"]), resamples=PAIR_RESAMPLES, progress=note)
    began, counted, ended = *checkpoints, time.perf_counter()
    checking = time.perf_counter()
    check_translations(columns)
    checking = time.perf_counter() - checking
    resampling = ended - counted - checking
    metrics = {"BLEU": BLEU(), "chrF": CHRF()}
    counting = time.perf_counter()
    for metric in metrics.values():
        for system in systems:
            metric._extract_corpus_statistics(system, [references])
    counting = time.perf_counter() - counting
    theirs = time.perf_counter()
    PairedTest([("a", systems[0]), ("b", systems[1])], metrics, [references], test_type="bs", n_samples=PAIR_RESAMPLES, n_jobs=1)()
    theirs = time.perf_counter() - theirs - counting
    return (f"two systems on {PAIRS:,} pairs, {PAIR_RESAMPLES:,} resamples",
            f"{resampling:.1f} s: BLEU, chrF, TER, ROUGE-L, length and rates of errors of each, of both together and paired (before it counting "
            f"{counted - began:.0f} s, looking for six kinds of errors {checking:.0f} s)",
            f"sacreBLEU {version('sacrebleu')} {theirs:.1f} s: BLEU and chrF paired (counting before it {counting:.0f} s)", f"{theirs / resampling:.1f}")


def beside_forward(name: str) -> list[tuple[str, str, str, str]]:
    """Predicting a table against the bare passes of the same length-sorted batches: a model as it is, and one of the size of configs/sentiment.yaml."""
    small = load_classifier(name)
    large = load_classifier(name)
    torch.manual_seed(1)
    large.model.config.update({"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 64,
                               "intermediate_size": 512, "max_position_embeddings": 128})
    large.max_length = 128
    large.model = type(large.model)(large.model.config).eval()
    texts = [sentence.text for sentence in read_probe()]
    table = parse_audit_table("".join(json.dumps({"text": text}) + "\n" for text in texts).encode(), "probe.jsonl")
    lines = []
    for title, model in ((name, small), ("an untrained model of the size of configs/sentiment.yaml", large)):
        rows = [tokenize(model, text).input_ids for text in texts]
        evaluate_rows(model, rows)
        bare, whole = [], []
        for _ in range(7):
            began = time.perf_counter()
            evaluate_rows(model, rows)
            bare.append(time.perf_counter() - began)
            began = time.perf_counter()
            predict_table(table, AuditColumns(), model)
            whole.append(time.perf_counter() - began)
        ratio = float(np.median(bare) / np.median(whole))
        lines.append((f"{len(texts)} texts, {title}", f"{np.median(whole):.3f} s", f"bare passes {np.median(bare):.3f} s", f"{ratio:.0%} of their throughput"))
    return lines


if __name__ == "__main__":
    main()
