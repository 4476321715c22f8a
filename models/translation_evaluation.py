"""What `python -m models evaluate` measures of a translator: held-out pairs of the corpora and of our own tables, by direction, domain and culture."""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from models.data.pair_corpus import read_pairs
from models.decoding import DecodingConfig
from models.errors import CorpusError, InputError
from models.loading import load_translator
from models.progress import Progress, no_progress, part_of
from models.text import check_text
from models.training.stages import git_commit, read_pair_table
from models.training.translation_run import TranslationEvaluationConfig, TranslationRunConfig
from models.translation_metrics import SentenceStatistics, measure_counted, sentence_statistics
from models.translator import Translator

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ReferencedRow:
    """A source with its reference translation and where it comes from."""

    source: str
    reference: str
    direction: str
    culture: str
    domain: str
    dataset: str


def evaluate_translator(config: TranslationRunConfig, progress: Progress = no_progress) -> dict[str, Any]:
    """Measures the checkpoint of a run; returns what is written as evaluation.json.

    Raises:
        CheckpointError: The run has no finished checkpoint.
        CorpusError: The corpora folder or a table is missing, or has no pair in a direction of the run.
    """
    translator = load_translator(config.checkpoint)
    rows = list(read_rows(config.evaluation, config.directions))
    hypotheses = translate_rows(translator, rows, config.evaluation.num_beams, progress)
    counted = count_by_direction(rows, hypotheses)

    def by(*fields: str) -> list[dict[str, Any]]:
        return measure_by(rows, counted, fields, config.evaluation)

    datasets = by("dataset", "direction")
    return {
        "schema_version": SCHEMA_VERSION, "task": "translation", "model": translator.name, "directions": list(config.directions),
        "headline": headline(config.evaluation, datasets), "datasets": datasets, "by_direction": by("direction"),
        "by_domain": by("direction", "domain"), "by_culture": by("direction", "culture"),
        "signature": {
            "fingerprint": translator.fingerprint, "data_sha256": _digest(rows), "git_commit": git_commit(), "num_beams": config.evaluation.num_beams,
            "seed": config.evaluation.seed, "resamples": config.evaluation.resamples,
            "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy", "sacrebleu")} | {"python": platform.python_version()},
        },
    }


def read_rows(config: TranslationEvaluationConfig, directions: Sequence[str]) -> Iterator[ReferencedRow]:
    """Held-out rows of each data set and own table in the directions asked for; texts without anything visible are left out.

    Raises:
        CorpusError: A corpus or table is missing or has no row in any of the directions.
    """
    for name in config.datasets:
        pairs = list(read_pairs(name))
        split = "test" if any(pair.split == "test" for pair in pairs) else "validation"
        held_out = [(p.source, p.target, p.source_language, p.target_language, p.culture, p.domain) for p in pairs if p.split == split]
        yield from _usable(name, held_out, directions, config.rows)
    for path in config.tables:
        table = [(str(row.get("source", "")), str(row.get("target") or row.get("reference") or ""), row["source_language"], row["target_language"],
                  row["culture"], row["domain"]) for row in read_pair_table(path) if row["split"] == "test"]
        yield from _usable(Path(path).stem, table, directions, config.rows)


def translate_rows(translator: Translator, rows: Sequence[ReferencedRow], num_beams: int, progress: Progress = no_progress) -> list[str]:
    """The hypothesis of each row."""
    found: dict[int, str] = {}
    for direction in dict.fromkeys(row.direction for row in rows):
        numbers = [number for number, row in enumerate(rows) if row.direction == direction]
        translations = translator.translate([rows[number].source for number in numbers], *direction.split("-"), decoding=DecodingConfig.best(num_beams),
                                            progress=part_of(progress, len(found), len(rows)))
        found.update(zip(numbers, (translation.hypothesis for translation in translations), strict=True))
    return [found[number] for number in range(len(rows))]


def count_by_direction(rows: Sequence[ReferencedRow], hypotheses: Sequence[str]) -> dict[str, dict[str, SentenceStatistics]]:
    """Statistics of all sentences of each direction, in the order of its rows; groups within a direction are sums of them."""
    found = {}
    for direction in dict.fromkeys(row.direction for row in rows):
        own = [(said, row.reference) for row, said in zip(rows, hypotheses, strict=True) if row.direction == direction]
        found[direction] = sentence_statistics([said for said, _ in own], [reference for _, reference in own], direction.split("-")[1])
    return found


def measure_by(
    rows: Sequence[ReferencedRow], counted: Mapping[str, Mapping[str, SentenceStatistics]], fields: Sequence[str], config: TranslationEvaluationConfig
) -> list[dict[str, Any]]:
    """All metrics of each distinct value of the fields, sorted; `fields` must include the direction, since a metric has one target language."""
    groups: dict[tuple[str, ...], list[int]] = {}
    directions: dict[tuple[str, ...], str] = {}
    seen = Counter[str]()
    for row in rows:
        key = tuple(getattr(row, field) for field in fields)
        groups.setdefault(key, []).append(seen[row.direction])
        directions[key] = row.direction
        seen[row.direction] += 1
    return [
        {**dict(zip(fields, key, strict=True)),
         **measure_counted("/".join(key), counted[directions[key]], np.array(members), resamples=config.resamples, seed=config.seed).to_json_dict()}
        for key, members in sorted(groups.items())
    ]


def headline(config: TranslationEvaluationConfig, datasets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The measured rows that the printed table shows, in the order of the settings; all where none is named.

    Raises:
        InputError: A row of the settings was not measured.
    """
    known = {f"{row['dataset']}/{row['direction']}": row for row in datasets}
    missing = [name for name in config.headline if name not in known]
    if missing:
        raise InputError(f"The headline row {missing[0]!r} was not measured; measured are {', '.join(known)}.")
    return [known[name] for name in config.headline or known]


def format_headline(report: dict[str, Any]) -> str:
    """The headline table as text, with the signatures it was counted by."""
    lines = [f"{'data set':<22}{'direction':<11}{'rows':>6}  {'BLEU [95 % interval]':<24}{'chrF':<22}{'TER':>7}{'ROUGE-L':>9}{'length':>8}"]
    for row in report["headline"]:
        metrics = row["metrics"]
        lines.append(f"{row['dataset']:<22}{row['direction']:<11}{row['count']:>6}  {_interval(metrics['bleu']):<24}{_interval(metrics['chrf']):<22}"
                     f"{metrics['ter']['value']:>7.1f}{metrics['rouge_l']['value']:>9.1f}{metrics['length_ratio']['value']:>8.2f}")
    signatures = {f"{name}: {signature}" for row in report["headline"] for name, signature in row["signatures"].items()}
    return "\n".join([*lines, *sorted(signatures)])


def _interval(values: dict[str, float]) -> str:
    return f"{values['value']:.1f} [{values['low']:.1f}, {values['high']:.1f}]"


def _usable(
    name: str, pairs: Sequence[tuple[str, str, str, str, str, str]], directions: Sequence[str], most: int | None
) -> list[ReferencedRow]:
    """Rows in the directions asked for; a set that was published in one direction only serves the other as well."""
    published = {f"{pair[2]}-{pair[3]}" for pair in pairs}
    kept: list[ReferencedRow] = []
    for direction in directions:
        source, target = direction.split("-")
        wanted = (source, target) if direction in published else (target, source)
        own = [pair for pair in pairs if (pair[2], pair[3]) == wanted and _visible(pair[0], pair[1])][:most]
        for first, second, language, _, culture, domain in own:
            text, reference = (first, second) if language == source else (second, first)
            kept.append(ReferencedRow(text, reference, direction, culture or target, domain or name, name))
    if not kept:
        raise CorpusError(f"{name} has no held-out pair in {', '.join(directions)}; take it out of the evaluation.")
    return kept


def _visible(*texts: str) -> bool:
    try:
        return all(check_text(text) for text in texts)
    except InputError:
        return False


def _digest(rows: Sequence[ReferencedRow]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([row.source, row.reference, row.direction, row.culture]).encode())
    return digest.hexdigest()
