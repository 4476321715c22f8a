"""How time grows with the length of a text and with the size of a batch, and the most memory either side takes in a process of its own."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from audit import read_probe
from benchmarks.explained_cases import CLASSIFIER_CASES, NUM_SAMPLES
from benchmarks.peers import Peers
from models import load_classifier
from models.classifier import Classifier
from models.inference import evaluate_rows
from models.tokens import tokenize
from xai import METHODS, attention
from xai.gradients import N_STEPS
from xai.masking import mask_id

TOKENS = (8, 16, 32, 64, 128)
BUDGETS = (512, 1_024, 2_048, 4_096, 8_192, 16_384)
SMALL = 50_000_000  # parameters; of larger models only batches and memory are measured


def measure_growth(folders: dict[str, str], quick: bool) -> list[dict[str, Any]]:
    """Seconds of a peer, of ours and of the bare passes by tokens, on the last small model."""
    small = {name: handle for name, folder in folders.items() if _parameters(handle := load_classifier(folder)) < SMALL}
    if not small:
        return []
    name, handle = list(small.items())[-1]
    peers, rows = Peers(folders[name]), []
    lengths = [length for length in TOKENS if length <= handle.max_length][: 2 if quick else None]
    print(f"\nSeconds on {name} by tokens of a text: theirs, ours, bare passes\n| method | {' | '.join(map(str, lengths))} |\n|---|{'---:|' * len(lengths)}")
    for method, make in CLASSIFIER_CASES.items():
        cells = []
        warm = make(handle, peers, text_of(handle, lengths[0]))
        warm.peer()
        warm.ours()
        for length in lengths:
            case = make(handle, peers, text_of(handle, length))
            seconds = [_median(work, 1 if method in ("shap", "lime") else 3) for work in (case.peer, case.ours, case.run_floor)]
            rows.append({"method": method, "tokens": length, "peer": seconds[0], "ours": seconds[1], "floor": seconds[2], **case.settings})
            cells.append(", ".join(f"{value:.3g}" for value in seconds))
        print(f"| {method} | {' | '.join(cells)} |", flush=True)
    return rows


def measure_batches(folders: dict[str, str], quick: bool) -> list[dict[str, Any]]:
    """Rows a second by the token budget of a batch: masked copies of a text of 32 tokens, as every perturbation method asks for."""
    budgets = BUDGETS[:2] if quick else BUDGETS
    print(f"\nRows of 32 tokens a second by token budget\n| model | {' | '.join(f'{budget:,}' for budget in budgets)} |\n|---|{'---:|' * len(budgets)}")
    rows = []
    for name, folder in folders.items():
        handle = load_classifier(folder)
        ids = tokenize(handle, text_of(handle, 32)).input_ids
        copies = [tuple(mask_id(handle.tokenizer) if 0 < place < len(ids) - 1 and number >> place % 11 & 1 else one for place, one in enumerate(ids))
                  for number in range(max(budgets) // 32)]
        count = len(set(copies))
        evaluate_rows(handle, copies[:8])
        repeats = 1 if _parameters(handle) >= SMALL else 3
        seconds = [_median(partial(evaluate_rows, handle, copies, token_budget=budget), repeats) for budget in budgets]
        rows += [{"model": name, "token_budget": budget, "rows_a_second": count / spent} for budget, spent in zip(budgets, seconds, strict=True)]
        print(f"| {name} | {' | '.join(f'{count / spent:,.0f}' for spent in seconds)} |", flush=True)
    return rows


def measure_memory(folders: dict[str, str], quick: bool) -> list[dict[str, Any]]:
    """Most resident memory in MB of each side, in a process of its own that loads the model and explains one text of 40 tokens."""
    print("\nPeak memory in MB of a process that explains one text: theirs, ours\n| method | " + " | ".join(folders) + f" |\n|---|{'---:|' * len(folders)}")
    rows = []
    for method in list(CLASSIFIER_CASES)[: 1 if quick else None]:
        cells = []
        for name, folder in folders.items():
            peaks = {side: _peak(method, side, folder) for side in ("peer", "ours")}
            rows.append({"method": method, "model": name, **peaks})
            cells.append(f"{peaks['peer']:,.0f}, {peaks['ours']:,.0f}")
        print(f"| {method} | {' | '.join(cells)} |", flush=True)
    return rows


def text_of(handle: Classifier, length: int) -> str:
    """Words of the English sentences of the probe, as many as make that many tokens at most, special ones included."""
    words = " ".join(sentence.text for sentence in read_probe() if sentence.culture == "en-US").split()
    count = 1
    while len(tokenize(handle, " ".join(words[: count + 1])).input_ids) <= length and count < length:
        count += 1
    return " ".join(words[:count])


def explain_alone(method: str, side: str, folder: str) -> None:
    """Explains one text on one side and prints the most memory that was resident, in MB."""
    text = text_of(load_classifier("toy"), 40)
    if side == "ours":
        handle = load_classifier(folder)
        {**METHODS, "attention": attention.maps, "attention, drawn": attention.maps}[method](handle, text)
    else:
        peers = Peers(folder)
        ids = peers.tokenizer(text, return_tensors="pt")["input_ids"]
        {"shap": peers.shap, "lime": lambda text: peers.lime(text, num_samples=NUM_SAMPLES), "attention": peers.attention, "attention, drawn": peers.head_view,
         "integrated_gradients": lambda text: peers.layer_integrated_gradients(ids, ids * 0 + peers.tokenizer.mask_token_id, 0, N_STEPS)}[method](text)
    print(json.dumps(peak_memory()))


def peak_memory() -> float:
    """Most memory of this process that was resident at once, in MB.

    Where the kernel says it, by its own count: `getrusage` keeps that of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) / 1e3 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _peak(method: str, side: str, folder: str) -> float:
    said = subprocess.run([sys.executable, "-m", "benchmarks.explained_growth", method, side, folder], check=True, capture_output=True, text=True)
    return float(json.loads(said.stdout.splitlines()[-1]))


def _parameters(handle: Classifier) -> int:
    return sum(values.numel() for values in handle.model.parameters())


def _median(work: Any, repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=explain_alone.__doc__)
    for argument in ("method", "side", "folder"):
        parser.add_argument(argument)
    explain_alone(**vars(parser.parse_args()))
