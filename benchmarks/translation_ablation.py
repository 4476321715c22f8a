"""What each part of a translator's training gives on the toy pairs: same steps, several seeds, one change at a time.

`python -m benchmarks.translation_ablation [--seeds 3] [--output runs/translation_ablation.json]`
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers.utils import logging

from benchmarks.ablation import format_table
from models.config import load_config, to_mapping
from models.data.pack import PackedCorpus
from models.loading import load_translator
from models.progress import no_progress
from models.training.adversarial import AdversarialConfig
from models.training.back_translation import BackTranslationConfig
from models.training.loop import LoopConfig
from models.training.pair_noise import NoiseConfig
from models.training.pairs import PairSampling
from models.training.pretraining import EncoderConfig, PretrainingConfig, pretrain
from models.training.stages import read_pair_table
from models.training.tokenizer import load_tokenizer
from models.training.translation import TranslatorConfig
from models.training.translation_run import TranslationRunConfig, run_translation_stages
from models.translation_evaluation import count_by_direction, measure_by, read_rows, translate_rows

CONFIG = "configs/toy_translation.yaml"
SHARE = 6  # of this many English sentences one is kept with its translations; of the others each side alone, for back-translation
STEPS = 200
WIDTH = 64
MODEL = TranslatorConfig(hidden_size=WIDTH, encoder_layers=2, decoder_layers=2, num_attention_heads=4, intermediate_size=128, max_length=48, dropout=0.0)
Change = Callable[[TranslationRunConfig], TranslationRunConfig]


def training(**changes: Any) -> Change:
    """A change of the training stage."""
    return lambda config: replace(config, training=replace(config.training, **changes))


def loop(**changes: Any) -> Change:
    """A change of the training loop."""
    return lambda config: training(loop=replace(config.training.loop, **changes))(config)


def dropout(share: float) -> Change:
    """Another share of dropout."""
    return lambda config: replace(config, model=replace(config.model, dropout=share))


def warm(folder: Path) -> Change:
    """A start from an encoder pre-trained on the same texts with masked language modelling."""

    def change(config: TranslationRunConfig) -> TranslationRunConfig:
        place = folder / f"encoder-{config.training.loop.seed}"
        if not (place / "model").is_dir():
            plain = Path(config.folder).parent / f"plain-{config.training.loop.seed}"
            encoder = EncoderConfig(hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, max_length=48, dropout=0.0)
            settings = PretrainingConfig(loop=LoopConfig(steps=300, learning_rate=0.002, batch_tokens=1_024, seed=config.training.loop.seed))
            pretrain(PackedCorpus(plain / "packed"), load_tokenizer(plain / "tokenizer"), encoder, settings, place)
        return training(warm_start=str(place / "model"))(config)

    return change


def back_translated(folder: Path) -> Change:
    """The target sides of the pairs that were left out, with sources by the plain model of the same seed."""
    directions = ("en-de", "de-en", "en-zh", "zh-en")
    return lambda config: replace(config, back_translation=BackTranslationConfig(
        str(folder / f"plain-{config.training.loop.seed}" / "checkpoint"), directions, pairs=400))


def variants(folder: Path) -> dict[str, Change]:
    """All variants; plain comes first, since others start from what it leaves."""
    return {
        "plain": lambda config: config,
        "warm start of the encoder": warm(folder),
        "back-translation, 400 pairs a direction": back_translated(folder),
        "freeze embeddings": training(freeze=("model.shared",)),
        "freeze encoder layer 1": training(freeze=("model.encoder.layers.0",)),
        "FGM, epsilon 0.3": training(adversarial=AdversarialConfig("fgm", epsilon=0.3)),
        "FreeLB, epsilon 0.3": training(adversarial=AdversarialConfig("freelb", epsilon=0.3)),
        "joined pairs 0.3": training(noise=NoiseConfig(concatenation=0.3)),
        "case noise 0.2": training(noise=NoiseConfig(case=0.2)),
        "typing errors 0.2": training(noise=NoiseConfig(typos=0.2)),
        "split pieces 0.1": training(noise=NoiseConfig(piece_split=0.1)),
        "label smoothing 0.1": training(label_smoothing=0.1),
        "dropout 0.1": dropout(0.1),
        "averaged weights (EMA 0.98)": loop(ema_decay=0.98),
        "inverse square root schedule": loop(schedule="inverse-sqrt"),
        "sampling temperature 2": training(sampling=PairSampling(temperature=2.0)),
    }


def main() -> None:
    """Runs every variant under every seed and prints the table."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", default="runs/translation_ablation.json")
    args = parser.parse_args()
    folder = Path(args.output).with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    config = load_config(TranslationRunConfig, CONFIG)
    thin(config.corpus, folder / "pairs.jsonl")
    config = replace(config, corpus=str(folder / "pairs.jsonl"), development=0, model=MODEL, training=replace(config.training, label_smoothing=0.0))
    changes = variants(folder)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in changes}
    with tqdm(total=args.seeds * len(changes)) as bar:
        for seed in range(1, args.seeds + 1):
            for name, change in changes.items():
                place = folder / (f"plain-{seed}" if name == "plain" else "other")
                own = loop(steps=STEPS, seed=seed, ema_decay=0.0, evaluate_every=0)(replace(config, folder=str(place), checkpoint=str(place / "checkpoint")))
                results[name].append(measure(change(own)))
                bar.update()
    Path(args.output).write_text(json.dumps({"config": to_mapping(config), "share": SHARE, "steps": STEPS, "results": results}, indent=1), encoding="utf-8")
    print(format_table(results, "chrf", "chrF"))


def thin(corpus: str, path: Path) -> None:
    """Writes the table with the pairs of every SHARE-th training sentence whole, and the sides of the others alone."""
    numbers: dict[str, int] = {}
    lines = []
    for pair in read_pair_table(corpus):
        if pair["split"] == "train" and numbers.setdefault(pair["source"], len(numbers)) % SHARE:
            # each side is a sentence that somebody might have found without its translation
            lines += [{**pair, "source": "", "source_language": "none"},
                      {**pair, "source": "", "source_language": "none", "target": pair["source"], "target_language": pair["source_language"]}]
            continue
        lines.append(pair)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def measure(config: TranslationRunConfig) -> dict[str, float]:
    """The chrF and BLEU (0-100, mean over directions) on the toy pairs' test split, greedy, and the seconds of the training."""
    began = time.perf_counter()
    done = run_translation_stages(config, lambda stage: no_progress)
    seconds = done["training"]["seconds"]
    translator = load_translator(config.checkpoint)
    rows = list(read_rows(config.evaluation, config.directions))
    counted = count_by_direction(rows, translate_rows(translator, rows, num_beams=1))
    found = measure_by(rows, counted, ("direction",), replace(config.evaluation, resamples=2))
    means = {name: statistics.mean(row["metrics"][name]["value"] for row in found) for name in ("chrf", "bleu")}
    return {**means, "seconds": seconds, "whole_seconds": time.perf_counter() - began}


if __name__ == "__main__":
    main()
