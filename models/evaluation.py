"""What `python -m models evaluate` measures: the validation splits of the corpora and tables of our own, by language and culture."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models.classifier import Classifier
from models.data.corpus import read_source
from models.data.importers import IMPORTERS
from models.errors import CorpusError, InputError
from models.loading import load_classifier
from models.metrics import macro_f1, mean_over_groups, measure_group, measure_groups
from models.progress import Progress, no_progress, part_of
from models.text import check_text
from models.training.run import EvaluationConfig, RunConfig
from models.training.stages import git_commit, read_table

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class LabelledRow:
    """A text with its gold label and where it comes from."""

    text: str
    label: str
    language: str
    culture: str


def evaluate_run(config: RunConfig, progress: Progress = no_progress) -> dict[str, Any]:
    """Measures the checkpoint of a run; returns what is written as evaluation.json.

    Raises:
        CheckpointError: The run has no finished checkpoint.
        CorpusError: The corpora folder or a table is missing.
    """
    classifier = load_classifier(config.checkpoint)
    tables = dict(read_tables(config.evaluation))
    total, done = sum(len(rows) for rows in tables.values()), 0
    datasets: dict[str, dict[str, Any]] = {}
    cultures: dict[str, list[tuple[LabelledRow, str]]] = {}
    for name, rows in tables.items():
        predictions = predict_rows(classifier, rows, part_of(progress, done, total))
        done += len(rows)
        datasets[name] = measure_table(rows, predictions, classifier.labels, config.evaluation)
        for row, prediction in zip(rows, predictions, strict=True):
            cultures.setdefault(row.culture, []).append((row, prediction))
    by_culture = []
    for culture, pairs in sorted(cultures.items()):
        measured = measure_group(culture, [row.label for row, _ in pairs], [prediction for _, prediction in pairs],
                                 classifier.labels, resamples=config.evaluation.resamples, seed=config.evaluation.seed)
        by_culture.append({"culture": culture, **measured.to_json_dict()})
    return {
        "schema_version": SCHEMA_VERSION, "task": "sentiment", "model": classifier.name, "labels": list(classifier.labels),
        "headline": headline(config.evaluation, datasets), "datasets": datasets, "by_culture": by_culture,
        "signature": {
            "fingerprint": classifier.fingerprint, "data_sha256": _digest(tables), "git_commit": git_commit(),
            "seed": config.evaluation.seed, "resamples": config.evaluation.resamples,
            "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy")} | {"python": platform.python_version()},
        },
    }


def read_tables(config: EvaluationConfig) -> Iterable[tuple[str, list[LabelledRow]]]:
    """Name and rows of each validation split and each own table; texts without anything visible are left out.

    Raises:
        CorpusError: A corpus or table is missing or has no labelled row.
    """
    for name in config.datasets:
        if name not in IMPORTERS:
            raise CorpusError(f"There is no corpus {name!r}; corpora are {', '.join(IMPORTERS)}.")
        examples = read_source(name, split="validation")
        yield name, _usable(name, (LabelledRow(e.text, e.label, e.language, e.culture) for e in examples if e.label))
    seen = set(config.datasets)
    for path in config.tables:
        if Path(path).stem in seen:
            raise CorpusError(f"Two measured tables are called {Path(path).stem!r}; rename {path}.")
        seen.add(Path(path).stem)
        rows = (row for row in read_table(path) if row["label"] and row["split"] != "train")
        named = (LabelledRow(row.get("text", ""), row["label"], row["language"], row["culture"]) for row in rows)
        yield Path(path).stem, _usable(path, named)


def predict_rows(classifier: Classifier, rows: Sequence[LabelledRow], progress: Progress = no_progress) -> list[str]:
    """The predicted label of each row."""
    return [prediction.label for prediction in classifier.predict([row.text for row in rows], progress=progress)]


def measure_table(
    rows: Sequence[LabelledRow], predictions: Sequence[str], classes: Sequence[str], config: EvaluationConfig
) -> dict[str, Any]:
    """Overall and by-language metrics of one table."""
    labels = [row.label for row in rows]
    settings = {"resamples": config.resamples, "seed": config.seed}
    groups = measure_groups([row.language for row in rows], labels, predictions, classes, **settings)
    mean = mean_over_groups([group.confusion for group in groups], macro_f1, **settings)
    return {
        **measure_group("overall", labels, predictions, classes, **settings).to_json_dict(),
        "mean_over_languages": {"macro_f1": asdict(mean)},
        "by_language": {group.group: group.to_json_dict() for group in groups},
    }


def headline(config: EvaluationConfig, datasets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The table by language of the headline data set, beside published figures."""
    if config.headline not in datasets:
        raise InputError(f"The headline data set {config.headline!r} was not measured; measured are {', '.join(datasets)}.")
    measured = datasets[config.headline]
    rows = [
        {"language": language, "count": values["count"], "macro_f1": values["metrics"]["macro_f1"],
         "references": {name: figures.get(language) for name, figures in config.references.items()}}
        for language, values in measured["by_language"].items()
    ]
    return {"dataset": config.headline, "mean_macro_f1": measured["mean_over_languages"]["macro_f1"], "rows": rows}


def format_headline(report: dict[str, Any]) -> str:
    """The headline table as text."""
    table = report["headline"]
    names = list(table["rows"][0]["references"])
    lines = [f"{table['dataset']} validation, macro-F1 (0-100) [95 % bootstrap interval]",
             f"{'language':<10}{'rows':>6}  {'macro-F1':<22}" + "".join(f"{name:>10}" for name in names)]
    for row in table["rows"]:
        references = "".join(f"{row['references'][name] if row['references'][name] is not None else '-':>10}" for name in names)
        lines.append(f"{row['language']:<10}{row['count']:>6}  {_interval(row['macro_f1']):<22}{references}")
    lines.append(f"{'mean':<10}{'':>6}  {_interval(table['mean_macro_f1']):<22}")
    return "\n".join(lines)


def _interval(values: dict[str, float]) -> str:
    return f"{values['value']:.1f} [{values['low']:.1f}, {values['high']:.1f}]"


def _usable(name: str, rows: Iterable[LabelledRow]) -> list[LabelledRow]:
    kept = []
    for row in rows:
        try:
            check_text(row.text)
        except InputError:
            continue
        kept.append(row)
    if not kept:
        raise CorpusError(f"{name} has no labelled validation row; check the corpus or the table.")
    return kept


def _digest(tables: dict[str, list[LabelledRow]]) -> str:
    digest = hashlib.sha256()
    for rows in tables.values():
        for row in rows:
            digest.update(json.dumps([row.text, row.label, row.culture]).encode())
    return digest.hexdigest()
