"""How fast explanations are beside shap, lime, Captum, bertviz and inseq: same machine, same weights, same texts, both sides warm, taking turns.

`make bench` runs it in the environment of the peers. The floor is the time of the bare passes that ours spends.

`python -m benchmarks.explaining [--quick] [--models ...] [--parts times growth batches memory] [--output runs/explaining.json]`
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import os
import platform
import pstats
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from audit import read_probe
from benchmarks.explained_cases import CLASSIFIER_CASES, METHODS_OF_BOTH, PEERS, Case, TranslationCases, equal_steps
from benchmarks.peers import Peers
from benchmarks.untrained import SHAPES, save_untrained
from models import load_classifier, load_translator
from models.tokens import tokenize

CULTURES = ("en-US", "zh-CN", "th-TH", "de-DE", "hi-IN", "ar-EG")
LENGTHS = (12, 16, 20, 26, 32, 40)  # tokens wanted of the text of each culture, special ones included
OURS = "toy"
PAIRS = (("The bus was late again.", "de"), ("My aunt makes the best dumplings.", "zh"), ("The neighbours lent us their ladder last spring.", "fr"),
         ("We were told to wait outside, but nobody ever came to fetch us.", "de"))
RATIO = {"shap": 4.0, "lime": 3.0, "integrated_gradients": 1.5, "translation: integrated_gradients": 3.0, "translation: input_x_gradient": 3.0,
         "translation: occlusion": 3.0}
FLOOR = {"shap": 1.2, "lime": 1.2, "attention": 1.3}
PACKAGES = ("torch", "transformers", "numpy", "shap", "lime", "captum", "inseq", "bertviz")


@dataclass(frozen=True)
class Timing:
    """One method on one model over all texts.

    Attributes:
        task, model, peer: Names.
        texts: What was asked for, by text.
        peer_seconds, our_seconds, floor_seconds: Median over the repeats, by text (texts,).
        differences: Of our values to the second source, as a share of the largest, of the first and the last text.
        wanted_ratio, wanted_floor: Least peer / ours and most ours / floor, None where nothing is promised.
        profile: Where our time goes in the last text; only where a promise is not kept.
    """

    task: str
    model: str
    peer: str
    texts: list[dict[str, Any]]
    peer_seconds: list[float]
    our_seconds: list[float]
    floor_seconds: list[float]
    differences: list[float]
    wanted_ratio: float | None
    wanted_floor: float | None
    profile: str = ""

    @property
    def ratios(self) -> list[float]:
        """Peer / ours, by text."""
        return [theirs / ours for theirs, ours in zip(self.peer_seconds, self.our_seconds, strict=True)]

    @property
    def over_floor(self) -> list[float]:
        """Ours / floor, by text."""
        return [ours / floor for ours, floor in zip(self.our_seconds, self.floor_seconds, strict=True)]

    @property
    def is_kept(self) -> bool:
        """Whether the medians keep what is promised."""
        return ((self.wanted_ratio is None or statistics.median(self.ratios) >= self.wanted_ratio)
                and (self.wanted_floor is None or statistics.median(self.over_floor) <= self.wanted_floor))


def main() -> None:
    """Measures what is asked for, prints the tables and writes JSON."""
    from benchmarks.explained_growth import measure_batches, measure_growth, measure_memory

    warnings.filterwarnings("ignore")  # what the peers warn about is theirs
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    args = parse_arguments()
    report: dict[str, Any] = {"machine": describe_machine()}
    print(report["machine"], flush=True)
    with tempfile.TemporaryDirectory() as place:
        folders = {name: str(save_untrained(name, Path(place) / name)) if name in SHAPES else f"checkpoints/{name}" for name in args.models}
        if "times" in args.parts:
            report["times"], profiles = [], []
            for one in time_everything(folders, args):
                report["times"].append(asdict(one) | {
                    "ratio": statistics.median(one.ratios), "over_floor": statistics.median(one.over_floor), "kept": one.is_kept})
                write(report, args.output)
                profiles += [f"\n{one.task}, {one.model}: where our time goes\n{one.profile}"] * bool(one.profile)
            print("\n".join(profiles), flush=True)
        for part, measure in (("growth", measure_growth), ("batches", measure_batches), ("memory", measure_memory)):
            if part in args.parts:
                report[part] = measure(folders, args.quick)
                write(report, args.output)


def write(report: dict[str, Any], output: str) -> None:
    """Writes what is measured so far: a whole run takes long."""
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(report, indent=1), encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=[OURS, *SHAPES], help="classifiers: names under checkpoints/ and untrained shapes")
    parser.add_argument("--translator", default="translation", help="a name under checkpoints/, or nothing for none")
    parser.add_argument("--methods", nargs="+", choices=list(CLASSIFIER_CASES), default=list(CLASSIFIER_CASES))
    parser.add_argument("--texts", type=int, default=len(CULTURES))
    parser.add_argument("--repeats", type=int, default=3, help="of small models; a large one is explained once")
    parser.add_argument("--parts", nargs="+", choices=["times", "growth", "batches", "memory"], default=["times", "growth", "batches", "memory"])
    parser.add_argument("--quick", action="store_true", help="a smoke run: two texts, once")
    parser.add_argument("--output", default="runs/explaining.json")
    args = parser.parse_args()
    if args.quick:
        args.texts, args.repeats = 2, 1
    return args


def describe_machine() -> str:
    """Machine, cores and versions in one line."""
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")] \
        if Path("/proc/cpuinfo").exists() else []
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{platform.machine()}, {names[0] if names else 'unknown processor'}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; {packages}"


def time_everything(folders: dict[str, str], args: argparse.Namespace) -> Iterator[Timing]:
    """Every method on every model; each is printed as soon as it is measured."""
    print("| method | model | beside | s of theirs | s of ours | ratio (range) | s of bare passes | ours / bare | values apart | wanted | kept |\n"
          "|---|---|---|---:|---:|---:|---:|---:|---:|---|---|")
    for name, folder in folders.items():
        handle, peers = load_classifier(folder), Peers(folder)
        texts = choose_texts(handle)[:: max(1, len(CULTURES) // args.texts)]
        repeats = args.repeats if sum(values.numel() for values in handle.model.parameters()) < 5e7 else 1
        for method in args.methods:
            yield shown(measure(method, name, PEERS[method], [partial(CLASSIFIER_CASES[method], handle, peers, text) for text in texts], repeats))
    if args.translator:
        handle = load_translator(args.translator)
        cases = TranslationCases(handle, f"checkpoints/{args.translator}")
        equal_steps()
        for method in METHODS_OF_BOTH:
            builders = [partial(cases.build, method, text, "en", language) for text, language in PAIRS[: args.texts]]
            yield shown(measure(f"translation: {method}", args.translator, "inseq", builders, 1 if method == "occlusion" else args.repeats))


def choose_texts(handle: Any) -> list[str]:
    """One sentence of the culture probe for each culture, as near to the wanted number of tokens as there is."""
    texts = []
    for culture, wanted in zip(CULTURES, LENGTHS, strict=True):
        sentences = [sentence.text for sentence in read_probe() if sentence.culture == culture]
        texts.append(min(sentences, key=lambda text: abs(len(tokenize(handle, text).input_ids) - wanted)))
    return texts


def measure(task: str, model: str, peer: str, builders: Sequence[Callable[[], Case]], repeats: int) -> Timing:
    """Both sides and the bare passes in turns, after the first text has gone through both once."""
    seconds: dict[str, list[float]] = {"peer": [], "ours": [], "floor": []}
    settings, differences, case = [], [], None
    for number, build in enumerate(builders):
        case = build()
        sides = {"peer": case.peer, "ours": case.ours, "floor": case.run_floor}
        if not number:
            for work in sides.values():
                work()
        spent: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(repeats):
            for side in list(sides) if turn % 2 == 0 else list(sides)[::-1]:
                began = time.perf_counter()
                sides[side]()
                spent[side].append(time.perf_counter() - began)
        for side, values in spent.items():
            seconds[side].append(statistics.median(values))
        settings.append(case.settings)
        if number in (0, len(builders) - 1):
            differences.append(case.difference())
    timing = Timing(task, model, peer, settings, seconds["peer"], seconds["ours"], seconds["floor"], differences, RATIO.get(task), FLOOR.get(task))
    return timing if timing.is_kept or case is None else replace(timing, profile=profile(case.ours))


def profile(work: Callable[[], Any], lines: int = 10) -> str:
    """The functions in which most of the time is spent, by their own time."""
    profiler, stream = cProfile.Profile(), io.StringIO()
    profiler.runcall(work)
    pstats.Stats(profiler, stream=stream).strip_dirs().sort_stats("tottime").print_stats(lines)
    return stream.getvalue().strip()


def shown(timing: Timing) -> Timing:
    """The same; its line is printed."""
    wanted = [text.format(number) for text, number in (("ratio ≥ {:g}", timing.wanted_ratio), ("≤ {:g} × bare", timing.wanted_floor)) if number is not None]
    cells = [timing.task, timing.model, timing.peer, f"{statistics.median(timing.peer_seconds):.3f}", f"{statistics.median(timing.our_seconds):.3f}",
             f"{statistics.median(timing.ratios):.1f} ({min(timing.ratios):.1f}–{max(timing.ratios):.1f})", f"{statistics.median(timing.floor_seconds):.3f}",
             f"{statistics.median(timing.over_floor):.2f} ({min(timing.over_floor):.2f}–{max(timing.over_floor):.2f})",
             f"{max(timing.differences):.0e}", ", ".join(wanted) or "-", "-" if not wanted else "yes" if timing.is_kept else "no"]
    print(f"| {' | '.join(cells)} |", flush=True)
    return timing


if __name__ == "__main__":
    main()
