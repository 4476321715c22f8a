"""The model card and evaluation.json of a translator, written from what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from models.card import interval_text, previous, write_documents
from models.data.pair_sheet import describe_pairs
from models.errors import CheckpointError, CorpusError
from models.training.loop import read_log
from models.training.translation_run import TranslationRunConfig

LIMITS = """\
- One sentence at a time, at most {max_length} tokens on either side; longer sources are cut, and the reader is told where.
- Trained on the data sets below and nothing else: other kinds of text, names and numbers come out worse, and fluently so.
- Idioms are often read word for word, forms of address and gender are guessed; the culture probe in `data/culture_probe` shows how often.
- A fluent translation may have little to do with its source. Look at the share of the source in the explanation before you believe it.
- BLEU compares with one reference of one culture; a difference between two directions is not a difference in quality of their readers' language."""
CURVE_POINTS = 12


def write_translation_card(config: TranslationRunConfig, report: dict[str, Any]) -> None:
    """Writes evaluation.json and README.md into the checkpoint folder.

    Raises:
        CheckpointError: The checkpoint folder has no run.yaml.
        DiskError: The folder cannot be written.
    """
    folder = Path(config.checkpoint)
    settings = folder / "run.yaml"
    if not settings.is_file():
        raise CheckpointError(f"{settings} does not exist; run `python -m models train` with this configuration first.")
    run = yaml.safe_load(settings.read_text(encoding="utf-8"))
    target = folder / "evaluation.json"
    report = {**report, "training_data": training_data(config) or previous(target, "training_data"),
              "learning_curve": learning_curve(config) or previous(target, "learning_curve")}
    write_documents(folder, {target: json.dumps(report, indent=1, ensure_ascii=False), folder / "README.md": format_card(config, run, report)})


def training_data(config: TranslationRunConfig) -> list[dict[str, Any]]:
    """Pairs, languages and licence of each data set of the training table; empty where the table is gone."""
    try:
        return describe_pairs(config.corpus, by="dataset")
    except CorpusError:
        return []


def learning_curve(config: TranslationRunConfig) -> list[dict[str, float]]:
    """Step, training loss and development loss (nats a token) at the looks during training; empty where the log is gone."""
    curve: list[dict[str, float]] = []
    losses: list[float] = []
    for line in read_log(Path(config.folder) / "training"):
        if "loss" in line:
            losses.append(line["loss"])
        if "development" in line:
            recent = losses[-100:]
            curve.append({"step": line["step"], "training_loss": sum(recent) / max(1, len(recent)), "development_loss": -line["development"]})
    return curve


def format_card(config: TranslationRunConfig, run: dict[str, Any], report: dict[str, Any]) -> str:
    """The model card as Markdown with YAML front matter."""
    front = {
        "language": sorted({language for direction in config.directions for language in direction.split("-")}), "license": "other",
        "license_name": "research-only", "library_name": "transformers", "pipeline_tag": "translation", "tags": ["translation", "culturelens"],
        "directions": list(config.directions), "datasets": [row["dataset"] for row in report["training_data"]],
        "metrics": [{"name": f"BLEU, {row['dataset']} {row['direction']}", "value": round(row["metrics"]["bleu"]["value"], 1)} for row in report["headline"]],
    }
    model, training = run["config"]["model"], run["stages"]["training"]
    size = (f"{model['encoder_layers']} encoder and {model['decoder_layers']} decoder layers of {model['hidden_size']}, {model['num_attention_heads']} heads, "
            f"{run['config']['tokenizer']['vocab_size']:,} pieces, one embedding for source, target and output")
    early = ", stopped early" if training["stopped_early"] else ""
    parts = [
        f"---\n{yaml.safe_dump(front, allow_unicode=True, sort_keys=False)}---",
        f"# {config.name}\n\nTranslates {', '.join(config.directions)}. An encoder-decoder Transformer (M2M100 architecture), trained from nothing by this "
        f"repository: {size}. Made to be explained and audited, not to replace a translator.",
        "## Intended use\n\nResearch and teaching. Several of the data sets below allow research only, so does this model. Do not rely on a translation "
        "where a mistake costs something.",
        f"## Training\n\n{training['steps']:,} steps over {training['pairs']:,} pairs, {training['seconds'] / 60:.1f} minutes, padding "
        f"{training['padding_percent']:.1f} %{early}. Settings, commit and every stage's figures: `run.yaml`.\n\n{_curve(report['learning_curve'])}"
        + (f"\n\n{config.evaluation.note.strip()}" if config.evaluation.note.strip() else ""),
        f"## Results\n\n{_results(report)}",
        f"## Known limits\n\n{LIMITS.format(max_length=model['max_length'])}",
        f"## Training data\n\n{_data(report['training_data'])}",
    ]
    return "\n\n".join(parts) + "\n"


def _results(report: dict[str, Any]) -> str:
    lines = [f"Held-out sentences, beam of {report['signature']['num_beams']}, 95 % bootstrap intervals over sentences."]
    for title, fields, rows in (
        ("By data set", ("dataset", "direction"), report["datasets"]), ("By domain", ("domain", "direction"), report["by_domain"]),
        ("By culture", ("culture", "direction"), report["by_culture"]),
    ):
        lines += ["", f"{title}:", "", f"| {' | '.join(fields)} | sentences | BLEU | chrF | TER | ROUGE-L | length |", "|---|---|---:|---|---|---|---|---|"]
        for row in rows:
            values = " | ".join(interval_text(row["metrics"][name]) for name in ("bleu", "chrf", "ter", "rouge_l"))
            lines.append(f"| {row[fields[0]]} | {row[fields[1]]} | {row['count']:,} | {values} | {row['metrics']['length_ratio']['value']:.2f} |")
    signatures = sorted({f"`{signature}` ({name})" for row in report["datasets"] for name, signature in row["signatures"].items()})
    return "\n".join([*lines, "", "Signatures: " + "; ".join(signatures)])


def _curve(curve: list[dict[str, float]]) -> str:
    if not curve:
        return "The log of the run is not at hand, so there is no learning curve."
    shown = curve[:: max(1, len(curve) // CURVE_POINTS)]
    shown += curve[-1:] if curve[-1] not in shown else []
    lines = ["Learning curve (cross-entropy in nats a token; the training loss is smoothed as it is learnt, the other is not):", "",
             "| step | training | development |", "|---:|---:|---:|"]
    return "\n".join([*lines, *(f"| {int(p['step']):,} | {p['training_loss']:.2f} | {p['development_loss']:.2f} |" for p in shown)])


def _data(data: list[dict[str, Any]]) -> str:
    lines = ["| data set | pairs | for training | directions | licence |", "|---|---:|---:|---|---|"]
    for row in data:
        lines.append(f"| {row['dataset']} | {row['rows']:,} | {row['train']:,} | {', '.join(row['directions'])} | {'; '.join(row['licences'])} |")
    return "\n".join(lines)
