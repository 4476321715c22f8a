"""All stages of a translation run: table → tokenizer → back-translation → packed shards → training → checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from models.data.pack import PackConfig, PackedCorpus, pack_rows
from models.disk import replacing
from models.errors import ConfigError
from models.progress import Progress
from models.training.back_translation import BackTranslationConfig, back_translate
from models.training.pairs import languages_of, pair_rows, tag
from models.training.stages import Report, read_pair_table, take_stages, write_checkpoint
from models.training.tokenizer import TokenizerConfig, balanced_texts, load_tokenizer, train_tokenizer
from models.training.translation import TranslationTrainingConfig, TranslatorConfig, train_translator

STAGES = ("tokenizer", "back_translation", "pack", "training", "export")


@dataclass(frozen=True)
class TranslationEvaluationConfig:
    """What `python -m models evaluate` measures of a translator."""

    datasets: tuple[str, ...] = ()  # held-out splits of these corpora: test where there is one, else validation
    headline: tuple[str, ...] = ()  # rows of the printed table: data set/direction, e.g. multi30k/en-de
    tables: tuple[str, ...] = ()  # test split of own tables (JSON Lines with source, target, source_language, target_language, culture, split)
    rows: int | None = None  # most sentences of each data set and direction, the first ones; None = all
    num_beams: int = 4
    resamples: int = 1_000
    seed: int = 1
    note: str = ""  # what the card says of this training beside its figures


@dataclass(frozen=True)
class TranslationRunConfig:
    """One run; every stage has its section."""

    name: str
    corpus: str  # folder with pairs.parquet, or a JSON Lines table of pairs
    folder: str  # where the stages leave their work
    checkpoint: str  # where the finished model goes
    directions: tuple[str, ...]  # what is learnt, e.g. en-zh; pairs serve both ways
    task: str = "translation"
    tokenizer: TokenizerConfig = field(default_factory=lambda: TokenizerConfig(lowercase=False))
    back_translation: BackTranslationConfig = field(default_factory=BackTranslationConfig)
    pack: PackConfig = field(default_factory=PackConfig)
    development: int = 200  # one training pair in so many steers early stopping and is not learnt from; 0 = none
    model: TranslatorConfig = field(default_factory=TranslatorConfig)
    training: TranslationTrainingConfig = field(default_factory=TranslationTrainingConfig)
    evaluation: TranslationEvaluationConfig = field(default_factory=TranslationEvaluationConfig)
    threads: int | None = None  # CPU threads; None = all

    def __post_init__(self) -> None:
        """Raises ConfigError for another task, or directions that are none."""
        if self.task != "translation" or not self.directions:
            raise ConfigError(f"task is {self.task!r} with {len(self.directions)} directions, expected translation and one or more.")
        languages_of(self.directions)


def run_translation_stages(
    config: TranslationRunConfig, report: Report, *, stages: tuple[str, ...] = STAGES, resume: bool = False
) -> dict[str, Any]:
    """Runs the stages in order and returns what each says of itself; finished ones are kept when resuming."""
    if config.threads:
        torch.set_num_threads(config.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def run(stage: str, folder: Path, progress: Progress, done: dict[str, Any]) -> dict[str, Any]:
        if stage == "tokenizer":
            return _learn_tokenizer(config, folder)
        if stage == "back_translation":
            return _back_translate(config, folder, progress)
        if stage == "pack":
            manifest = pack_pairs(config, progress)
            return {"rows": manifest["rows"], "tokens": manifest["tokens"]}
        if stage == "training":
            return train_translator(
                PackedCorpus(folder / "packed"), load_tokenizer(folder / "tokenizer"), config.directions, config.model, config.training,
                folder / "training", device=device, resume=resume, progress=progress)
        return export_translator(config, folder, done)

    return take_stages(STAGES, run, Path(config.folder), report, chosen=stages, resume=resume)


def pack_pairs(config: TranslationRunConfig, progress: Progress) -> dict[str, Any]:
    """Packs the pairs of a run, back-translated ones included, with the run's tokenizer; returns the manifest."""
    folder = Path(config.folder)
    synthetic = folder / "back_translation.jsonl"
    pairs = chain(read_pair_table(config.corpus), read_pair_table(synthetic) if synthetic.is_file() else ())
    rows = pair_rows(pairs, languages_of(config.directions), config.development)
    return pack_rows(rows, load_tokenizer(folder / "tokenizer"), (), config.pack, folder / "packed", progress=progress)


def export_translator(config: TranslationRunConfig, folder: Path, done: dict[str, Any]) -> dict[str, Any]:
    """Writes the checkpoint folder: fp16 weights, tokenizer, the directions it knows, settings and how they came to be."""
    from transformers import AutoModelForSeq2SeqLM

    source = folder / "training" / "model"
    if not source.is_dir():
        raise ConfigError(f"{source} does not exist; run the training stage first.")
    model = AutoModelForSeq2SeqLM.from_pretrained(str(source), dtype=torch.float32)
    model.config.directions = list(config.directions)
    return write_checkpoint(Path(config.checkpoint), model, load_tokenizer(source), config, done)


def _learn_tokenizer(config: TranslationRunConfig, folder: Path) -> dict[str, Any]:
    languages = languages_of(config.directions)
    sides = [row for row in pair_rows(read_pair_table(config.corpus), languages, 0) if row["split"] == "train"]
    tokenizer = train_tokenizer(balanced_texts(sides, config.tokenizer), config.tokenizer, [tag(language) for language in languages])
    tokenizer.save_pretrained(folder / "tokenizer")
    return {"vocab_size": len(tokenizer)}


def _back_translate(config: TranslationRunConfig, folder: Path, progress: Progress) -> dict[str, Any]:
    path = folder / "back_translation.jsonl"
    path.unlink(missing_ok=True)
    if not config.back_translation.model:
        return {"pairs": 0}
    pairs = list(back_translate(read_pair_table(config.corpus), config.back_translation, progress))
    with replacing(path) as temporary:
        temporary.write_text("".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs), encoding="utf-8")
    return {"pairs": len(pairs)}
