"""All stages of one YAML: table → tokenizer → packed shards → pre-training → transfer → checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models.data.pack import PackConfig, PackedCorpus, pack_rows
from models.errors import ConfigError
from models.progress import Progress
from models.training.finetuning import FinetuningConfig, finetune
from models.training.pretraining import EncoderConfig, PretrainingConfig, pretrain
from models.training.stages import Report, read_table, take_stages, write_checkpoint
from models.training.tokenizer import TokenizerConfig, balanced_texts, load_tokenizer, train_tokenizer

LABELS = ("negative", "neutral", "positive")
STAGES = ("tokenizer", "pack", "pretraining", "finetuning", "export")


@dataclass(frozen=True)
class EvaluationConfig:
    """What `python -m models evaluate` measures."""

    datasets: tuple[str, ...] = ("umsab",)  # validation splits of these corpora
    headline: str = "umsab"  # the data set of the printed table by language
    tables: tuple[str, ...] = ()  # own tables (JSON Lines with text, label, culture) measured besides
    references: dict[str, dict[str, float]] = field(default_factory=dict)  # published figures by language
    resamples: int = 2_000
    seed: int = 1


@dataclass(frozen=True)
class RunConfig:
    """One run; every stage has its section."""

    name: str
    corpus: str  # folder with corpus.parquet, or a JSON Lines table
    folder: str  # where the stages leave their work
    checkpoint: str  # where the finished model goes
    finetuning: FinetuningConfig
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    pack: PackConfig = field(default_factory=PackConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    pretraining: PretrainingConfig = field(default_factory=PretrainingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    threads: int | None = None  # CPU threads; None = all


def run_stages(
    config: RunConfig, report: Report, *, stages: tuple[str, ...] = STAGES, resume: bool = False
) -> dict[str, Any]:
    """Runs the stages in order and returns what each says of itself; finished ones are kept when resuming."""
    if config.threads:
        torch.set_num_threads(config.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def run(stage: str, folder: Path, progress: Progress, done: dict[str, Any]) -> dict[str, Any]:
        return _run_stage(stage, config, folder, device, resume, progress, done)

    return take_stages(STAGES, run, Path(config.folder), report, chosen=stages, resume=resume)


def pack_corpus(config: RunConfig, progress: Progress) -> dict[str, Any]:
    """Packs the table of a run with the run's tokenizer; returns the manifest."""
    folder = Path(config.folder)
    tokenizer = load_tokenizer(folder / "tokenizer")
    return pack_rows(read_table(config.corpus), tokenizer, LABELS, config.pack, folder / "packed", progress=progress)


def _run_stage(
    stage: str, config: RunConfig, folder: Path, device: str, resume: bool, progress: Progress, done: dict[str, Any]
) -> dict[str, Any]:
    if stage == "tokenizer":
        rows = [row for row in read_table(config.corpus) if row["split"] == "train"]
        tokenizer = train_tokenizer(balanced_texts(rows, config.tokenizer), config.tokenizer)
        tokenizer.save_pretrained(folder / "tokenizer")
        return {"vocab_size": len(tokenizer)}
    if stage == "pack":
        manifest = pack_corpus(config, progress)
        return {"rows": manifest["rows"], "tokens": manifest["tokens"]}
    if stage == "export":
        return export(config, folder, done)
    packed, tokenizer = PackedCorpus(folder / "packed"), load_tokenizer(folder / "tokenizer")
    if stage == "pretraining":
        return pretrain(packed, tokenizer, config.encoder, config.pretraining, folder / "pretraining",
                        device=device, resume=resume, progress=progress)
    phases = finetune(packed, tokenizer, folder / "pretraining" / "model", config.finetuning, folder / "finetuning",
                      device=device, resume=resume, progress=progress)
    return {"phases": phases}


def export(config: RunConfig, folder: Path, done: dict[str, Any]) -> dict[str, Any]:
    """Writes the checkpoint folder: fp16 weights, tokenizer, settings and how they came to be."""
    from transformers import AutoModelForSequenceClassification

    source, target = folder / "finetuning" / "model", Path(config.checkpoint)
    if not source.is_dir():
        raise ConfigError(f"{source} does not exist; run the finetuning stage first.")
    model = AutoModelForSequenceClassification.from_pretrained(str(source), dtype=torch.float32)
    return write_checkpoint(target, model, load_tokenizer(source), config, done)
