"""All stages of one YAML: table → tokenizer → packed shards → pre-training → transfer → checkpoint."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from models.config import to_mapping
from models.data.pack import PackConfig, PackedCorpus, pack_rows
from models.disk import replacing
from models.errors import ConfigError, CorpusError
from models.progress import Progress
from models.training.finetuning import FinetuningConfig, finetune
from models.training.pretraining import EncoderConfig, PretrainingConfig, pretrain
from models.training.tokenizer import TokenizerConfig, balanced_texts, load_tokenizer, train_tokenizer

LABELS = ("negative", "neutral", "positive")
STAGES = ("tokenizer", "pack", "pretraining", "finetuning", "export")
Report = Callable[[str], Progress]  # stage name -> progress of that stage


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
    unknown = sorted(set(stages) - set(STAGES))
    if unknown:
        raise ConfigError(f"There is no stage {unknown[0]!r}; stages are {', '.join(STAGES)}.")
    if config.threads:
        torch.set_num_threads(config.threads)
    folder = Path(config.folder)
    folder.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    done_path = folder / "stages.json"
    done: dict[str, Any] = json.loads(done_path.read_text(encoding="utf-8")) if done_path.is_file() else {}
    if not resume:  # what runs anew is not done, even where a killed run is resumed later
        done = {stage: result for stage, result in done.items() if stage not in stages}
        _write_done(done, done_path)
    for stage in STAGES:
        if stage not in stages or (stage in done and stage != "export"):
            continue
        done[stage] = _run_stage(stage, config, folder, device, resume, report(stage), done)
        _write_done(done, done_path)
    return done


def _write_done(done: dict[str, Any], path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(done, indent=1), encoding="utf-8")


def pack_corpus(config: RunConfig, progress: Progress) -> dict[str, Any]:
    """Packs the table of a run with the run's tokenizer; returns the manifest."""
    folder = Path(config.folder)
    tokenizer = load_tokenizer(folder / "tokenizer")
    return pack_rows(read_table(config.corpus), tokenizer, LABELS, config.pack, folder / "packed", progress=progress)


def read_table(path: str | Path) -> Iterator[dict[str, Any]]:
    """Rows of a corpus folder (corpus.parquet) or of a JSON Lines table, as mappings.

    Raises:
        CorpusError: There is neither, or a line is not JSON.
    """
    path = Path(path)
    table = path / "corpus.parquet" if path.is_dir() else path
    if table.suffix == ".parquet" and table.is_file():
        import pyarrow.parquet as parquet

        for batch in parquet.ParquetFile(table).iter_batches(batch_size=10_000):
            yield from batch.to_pylist()
    elif table.is_file():
        defaults = {"label": "", "language": "", "culture": "", "domain": "", "dataset": table.stem, "split": "train",
                    "document": "", "position": 0}
        for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1):
            try:
                yield {**defaults, **json.loads(line)}
            except (json.JSONDecodeError, TypeError) as error:
                raise CorpusError(f"{table} line {number} is not a JSON object; mend or remove the line.") from error
    else:
        raise CorpusError(f"{path} is neither a corpus folder nor a table; run `python -m models corpus build` first.")


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
    model = AutoModelForSequenceClassification.from_pretrained(str(source), dtype=torch.float32).half()
    settings = {"config": to_mapping(config), "git_commit": git_commit(), "stages": done}
    with replacing(target) as temporary:
        model.save_pretrained(temporary, max_shard_size="45MB")
        load_tokenizer(source).save_pretrained(temporary)
        (temporary / "run.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(settings)), sort_keys=False, allow_unicode=True), encoding="utf-8")
        for name in ("README.md", "evaluation.json"):
            if (target / name).is_file():
                shutil.copy2(target / name, temporary / name)
    return {"checkpoint": str(target), "bytes": sum(path.stat().st_size for path in target.iterdir())}


def git_commit() -> str:
    """The commit of the code that ran, or "unknown" outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return result.stdout.strip() if result.returncode == 0 else "unknown"
