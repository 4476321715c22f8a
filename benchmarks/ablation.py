"""What each part of the transfer gives on the toy corpus: same steps, several seeds, one change at a time.

`python -m benchmarks.ablation [--seeds 3] [--output runs/ablation.json]`
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from transformers import AutoModelForSequenceClassification
from transformers.utils import logging

from models.config import load_config, to_mapping
from models.data.pack import PackedCorpus
from models.training.adversarial import AdversarialConfig
from models.training.augmentation import AugmentationConfig
from models.training.batches import Sampling
from models.training.finetuning import FinetuningConfig, Labelled, PhaseConfig, development_score, finetune, with_seed
from models.training.pretraining import pretrain
from models.training.run import RunConfig, run_stages
from models.training.teacher import TeacherConfig
from models.training.tokenizer import load_tokenizer

CONFIG = "configs/toy.yaml"
LEXICON = "data/lexicons/everyday.jsonl"
SHARE = 6  # one in this many training rows is kept: on all of them every variant is right nearly always
STEPS = 200
LEARNING_RATE = 0.001
Change = Callable[[FinetuningConfig], FinetuningConfig]


def phase(**changes: Any) -> Change:
    """A change of the only phase."""
    return lambda config: replace(config, phases=(replace(config.phases[0], **changes),))


def loop(**changes: Any) -> Change:
    """A change of the loop of the only phase."""
    return lambda config: phase(loop=replace(config.phases[0].loop, **changes))(config)


def noise(**changes: float) -> Change:
    """An augmentation at the strength of the toy run."""
    return phase(augmentation=AugmentationConfig(**changes, strength=0.15, lexicon=LEXICON))


VARIANTS: dict[str, Change] = {
    "plain": lambda config: config,
    "no pre-training": lambda config: replace(config, pretrained=False),
    "freeze embeddings": phase(freeze=("model.embed_tokens",)),
    "freeze embeddings and layer 1": phase(freeze=("model.embed_tokens", "model.layers.0")),
    "FGM, epsilon 0.3": phase(adversarial=AdversarialConfig("fgm", epsilon=0.3)),
    "FreeLB, epsilon 0.3": phase(adversarial=AdversarialConfig("freelb", epsilon=0.3)),
    "split pieces 0.15": noise(piece_split=0.15),
    "linear teacher, mixtures 0.6": phase(teacher=TeacherConfig(("toy",), mixed=0.6, mixtures=2_000)),
    "word dropout 0.2": noise(word_dropout=0.2),
    "character noise 0.2": noise(character_noise=0.2),
    "code-switching 0.3": noise(code_switching=0.3),
    "label smoothing 0.1": phase(label_smoothing=0.1),
    "averaged weights (EMA 0.98)": loop(ema_decay=0.98),
    "sampling temperature 1.5": phase(sampling=Sampling(temperature=1.5)),
    "early stopping": loop(evaluate_every=20, patience=3),
}


def main() -> None:
    """Runs every variant under every seed and prints the table."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", default="runs/ablation.json")
    args = parser.parse_args()
    folder = Path(args.output).parent / "ablation"
    config = load_config(RunConfig, CONFIG)
    run_stages(replace(config, folder=str(folder)), lambda stage: lambda done, total: None, stages=("tokenizer", "pack"), resume=True)
    packed, tokenizer = ThinnedCorpus(folder / "packed"), load_tokenizer(folder / "tokenizer")
    plain = replace(config.finetuning.phases[0].loop, steps=STEPS, learning_rate=LEARNING_RATE, ema_decay=0.0, evaluate_every=0, patience=0)
    base = FinetuningConfig(phases=(PhaseConfig("transfer", loop=plain),))
    results: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    with tqdm(total=args.seeds * (1 + len(VARIANTS))) as bar:
        for seed in range(1, args.seeds + 1):
            pretraining = replace(config.pretraining, loop=replace(config.pretraining.loop, seed=seed))
            if not (folder / f"pretraining-{seed}" / "model").is_dir():
                pretrain(PackedCorpus(folder / "packed"), tokenizer, config.encoder, pretraining, folder / f"pretraining-{seed}")
            bar.update()
            for name, change in VARIANTS.items():
                results[name].append(measure(change(with_seed(base, seed)), packed, tokenizer, folder, seed))
                bar.update()
    report = {"config": to_mapping(base), "share": SHARE, "seeds": args.seeds, "results": results}
    Path(args.output).write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(format_table(results))


class ThinnedCorpus(PackedCorpus):
    """The packed corpus with few labelled training rows, so that regularisers have something to do."""

    def select(self, *, split: str, **choice: Any) -> np.ndarray:
        """Every SHARE-th training row; the other splits whole."""
        rows = super().select(split=split, **choice)
        return rows[::SHARE] if split == "train" else rows


def measure(config: FinetuningConfig, packed: PackedCorpus, tokenizer: Any, folder: Path, seed: int) -> dict[str, float]:
    """Macro-F1 (0-100, mean over languages) on the validation split, and the seconds of the training."""
    started = time.perf_counter()
    finetune(packed, tokenizer, folder / f"pretraining-{seed}" / "model", config, folder / "transfer")
    seconds = time.perf_counter() - started
    model = AutoModelForSequenceClassification.from_pretrained(str(folder / "transfer" / "model")).eval()
    rows = packed.select(split="validation", labelled=True)
    score, loss = development_score(model, Labelled(packed, rows, tokenizer, None, model.config.max_position_embeddings), device="cpu")
    return {"macro_f1": score, "loss": loss, "seconds": seconds}


def format_table(results: dict[str, list[dict[str, float]]], metric: str = "macro_f1", title: str = "macro-F1") -> str:
    """One line a variant: mean and spread over the seeds, the paired difference to plain, and what follows."""
    plain = np.array([run[metric] for run in results["plain"]])
    lines = [f"| variant | {title}, mean ± sd | difference to plain by seed | seconds | verdict |", "|---|---|---|---:|---|"]
    for name, runs in results.items():
        scores = np.array([run[metric] for run in runs])
        differences = scores - plain
        signs = ", ".join(f"{value:+.1f}" for value in differences)
        lines.append(f"| {name} | {scores.mean():.1f} ± {scores.std(ddof=1):.1f} | {'-' if name == 'plain' else signs} | "
                     f"{np.mean([run['seconds'] for run in runs]):.1f} | {'-' if name == 'plain' else verdict(differences)} |")
    return "\n".join(lines)


def verdict(differences: np.ndarray) -> str:
    """Helps or hurts where every seed agrees and the mean is half a point away from zero, else no effect."""
    if (differences > 0).all() and differences.mean() >= 0.5:
        return "helps"
    if (differences < 0).all() and differences.mean() <= -0.5:
        return "hurts"
    return "no clear effect"


if __name__ == "__main__":
    main()
