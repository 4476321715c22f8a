"""The model card and evaluation.json beside the weights, written from what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from models.data.describe import describe
from models.disk import full_disk_sentence
from models.errors import CheckpointError, CorpusError
from models.training.run import RunConfig

LIMITS = """\
- Three classes for a whole text: no aspects, no strength, no emotion. Texts over {max_length} tokens are cut.
- Irony, understatement and idioms are often read literally; the culture probe in `data/culture_probe` shows how often.
- Languages that are not in the table below share script and pieces with those that are, nothing more: treat a prediction
  for them as a guess.
- Labels come from very different annotators and, in reviews, from stars. A difference between two cultures is a
  difference on these texts under these labels, not a statement about people.
- Small groups have wide intervals; read the interval, not the value."""


def write_card(config: RunConfig, report: dict[str, Any]) -> None:
    """Writes evaluation.json and README.md into the checkpoint folder.

    The table of training data is taken from the run's corpus; where that is gone, from the evaluation before.

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
    report = {**report, "training_data": training_data(config) or previous(target, "training_data")}
    write_documents(folder, {target: json.dumps(report, indent=1, ensure_ascii=False), folder / "README.md": format_card(config, run, report)})


def write_documents(folder: Path, contents: dict[Path, str]) -> None:
    """Writes all the texts or none of them.

    Raises:
        DiskError: The folder cannot be written.
    """
    parts = {path: path.with_suffix(".part") for path in contents}
    try:
        with full_disk_sentence(folder):
            for path, content in contents.items():
                parts[path].write_text(content, encoding="utf-8")
            for path, part in parts.items():
                part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def previous(evaluation: Path, key: str) -> list[dict[str, Any]]:
    """A list in an earlier evaluation.json; empty where there is none or it is broken."""
    try:
        content = json.loads(evaluation.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    return list(content.get(key, [])) if isinstance(content, dict) else []


def training_data(config: RunConfig) -> list[dict[str, Any]]:
    """Rows, languages and licence of each data set of the training table; empty where the table is gone."""
    try:
        sheet = describe(config.corpus, by="dataset")
    except CorpusError:
        return []
    keys = ("dataset", "rows", "train", "languages", "licences")
    return [{key: row[key] for key in keys} for row in sheet]


def format_card(config: RunConfig, run: dict[str, Any], report: dict[str, Any]) -> str:
    """The model card as Markdown with YAML front matter."""
    data = report["training_data"]
    languages = sorted({language.split("-")[0] for row in data for language in row["languages"]})
    mean = report["headline"]["mean_macro_f1"]
    front = {
        "language": languages, "license": "other", "license_name": "research-only", "library_name": "transformers",
        "pipeline_tag": "text-classification", "tags": ["sentiment-analysis", "multilingual", "culturelens"],
        "datasets": [row["dataset"] for row in data],
        "metrics": [{"name": f"macro-F1, {report['headline']['dataset']} validation, mean over languages", "value": round(mean["value"], 1)}],
    }
    encoder, cost = run["config"]["encoder"], training_cost(run)
    size = (f"{encoder['num_hidden_layers']} layers of {encoder['hidden_size']}, {encoder['num_attention_heads']} heads, "
            f"{run['config']['tokenizer']['vocab_size']:,} pieces")
    share = run["config"]["finetuning"].get("wide", {}).get("share", 0)
    beside = (f" Beside the encoder stands a wide half, linear experts on hashed n-grams with a weight of {share:g} in the answer. Attributions "
              "explain both halves, attention maps the encoder alone." if share else "")
    parts = [
        f"---\n{yaml.safe_dump(front, allow_unicode=True, sort_keys=False)}---",
        f"# {config.name}\n\nA multilingual three-class sentiment classifier (negative, neutral, positive), trained from nothing by this "
        f"repository: BERT-type encoder, {size}.{beside} Made to be explained and audited, not to top a leader board.",
        "## Intended use\n\nResearch and teaching: trying explanations, showing where a small model fails by culture. Several of the data "
        "sets below allow research only, so does this model. Do not use it to decide anything about a person.",
        f"## Training\n\n{cost}\n\nSettings, commit and every stage's figures: `run.yaml`. Command: `python -m models train` with the "
        "settings in `run.yaml`.",
        f"## Results\n\n{_headline(report)}\n\n{_cultures(report)}",
        f"## Known limits\n\n{LIMITS.format(max_length=encoder['max_length'])}",
        f"## Training data\n\n{_data(data)}",
    ]
    return "\n\n".join(parts) + "\n"


def training_cost(run: dict[str, Any]) -> str:
    """What each stage took, in words."""
    lines = []
    stages = run.get("stages", {})
    pre = stages.get("pretraining")
    if pre:
        lines.append(f"- Pre-training (masked language model and next sentence): {pre['steps']:,} steps, {pre['seconds'] / 60:.0f} minutes, "
                     f"padding {pre['padding_percent']:.1f} %.")
    for phase in stages.get("finetuning", {}).get("phases", []):
        if "experts" in phase:
            lines.append(f"- Wide half: {phase['experts']} linear experts, {phase['seconds'] / 60:.0f} minutes; on development rows that it had not "
                         f"seen, both halves together have a macro-F1 of {phase['score']:.1f}.")
            continue
        early = ", stopped early" if phase["stopped_early"] else ""
        lines.append(f"- Transfer, phase {phase['phase']}: {phase['steps']:,} steps over {phase['rows']:,} rows, {phase['seconds'] / 60:.0f} minutes, "
                     f"padding {phase['padding_percent']:.1f} %{early}.")
    return "\n".join(lines)


def _headline(report: dict[str, Any]) -> str:
    table = report["headline"]
    names = list(table["rows"][0]["references"])
    head = f"Macro-F1 (0-100) on the validation split of {table['dataset']} with 95 % bootstrap intervals; references are published test figures."
    lines = [head, "", f"| language | texts | macro-F1 |{''.join(f' {name} |' for name in names)}", f"|---|---:|---|{'---:|' * len(names)}"]
    for row in table["rows"]:
        references = "".join(f" {'-' if row['references'][name] is None else row['references'][name]} |" for name in names)
        lines.append(f"| {row['language']} | {row['count']} | {interval_text(row['macro_f1'])} |{references}")
    lines.append(f"| **mean** | | **{interval_text(table['mean_macro_f1'])}** |{' |' * len(names)}")
    return "\n".join(lines)


def _cultures(report: dict[str, Any]) -> str:
    lines = ["By culture, over all measured validation rows:", "", "| culture | texts | macro-F1 | accuracy | positive ↔ negative |", "|---|---:|---|---|---|"]
    for row in report["by_culture"]:
        metrics = row["metrics"]
        values = " | ".join(interval_text(metrics[name]) for name in ("macro_f1", "accuracy", "flip_rate"))
        lines.append(f"| {row['culture']} | {row['count']:,} | {values} |")
    return "\n".join(lines)


def _data(data: list[dict[str, Any]]) -> str:
    lines = ["| data set | rows | for training | languages | licence |", "|---|---:|---:|---|---|"]
    for row in data:
        lines.append(f"| {row['dataset']} | {row['rows']:,} | {row['train']:,} | {', '.join(row['languages'])} | {'; '.join(row['licences'])} |")
    return "\n".join(lines)


def interval_text(values: dict[str, float]) -> str:
    """A value with its interval, e.g. 59.0 [57.0, 60.8]."""
    return f"{values['value']:.1f} [{values['low']:.1f}, {values['high']:.1f}]"
