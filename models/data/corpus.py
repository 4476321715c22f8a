"""From corpus folders to one clean table; everything left out is counted by reason and listed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.data.cleaning import clean, reason_to_remove
from models.data.duplicates import find_duplicates
from models.data.importers import IMPORTERS
from models.data.language import language_reason, normalize_language
from models.data.schema import COLUMNS, Example, Fault
from models.data.tables import write_tables
from models.errors import ConfigError, CorpusError
from models.progress import Progress, no_progress

ROOT_VARIABLE = "CULTURELENS_CORPORA"


@dataclass(frozen=True)
class CorpusConfig:
    """Settings of `python -m models corpus build`."""

    output: str  # folder of corpus.parquet, removed.parquet and report.json
    task: str = "sentiment"
    sources: tuple[str, ...] = tuple(IMPORTERS)  # corpus folders
    max_characters: int = 2_000  # longer texts are left out
    language_check: bool = True
    near_threshold: float = 0.8  # Jaccard similarity of character 5-grams

    def __post_init__(self) -> None:
        """Raises ConfigError for another task or a source without an importer."""
        if self.task != "sentiment":
            raise ConfigError(f"A corpus of labelled texts has the task {self.task!r}, expected 'sentiment'.")
        unknown = sorted(set(self.sources) - set(IMPORTERS))
        if unknown:
            raise ConfigError(f"There is no importer for {unknown[0]!r}; importers are {', '.join(IMPORTERS)}.")


@dataclass(frozen=True)
class Removed:
    """A row that was left out, and why."""

    example: Example
    reason: str


def corpora_root() -> Path:
    """The folder that holds the corpora.

    Raises:
        CorpusError: It is not there.
    """
    default = Path(__file__).resolve().parents[3] / "shared" / "corpora"
    root = Path(os.environ.get(ROOT_VARIABLE) or default)
    if not root.is_dir():
        raise CorpusError(f"There is no corpora folder {root}; set {ROOT_VARIABLE} to the folder that holds them.")
    return root


def read_source(name: str, *, split: str | None = None) -> Iterator[Example]:
    """Examples of one corpus as published, cleaned but with no row left out, optionally of one split.

    Raises:
        CorpusError: The corpus has no importer, or it or the corpora folder is missing.
    """
    for item in _read(name):
        if isinstance(item, Example) and (split is None or item.split == split):
            yield replace(item, text=clean(item.text))


def build_corpus(config: CorpusConfig, progress: Progress = no_progress) -> dict[str, Any]:
    """Builds the table and returns the report: rows read, kept and removed by reason for each data set.

    Raises:
        CorpusError: A source or the corpora folder is missing.
        DiskError: The table cannot be written; no half file is left.
    """
    kept: list[Example] = []
    removed: list[Removed] = []
    faults: list[Fault] = []
    for number, source in enumerate(config.sources):
        progress(number, 2 * len(config.sources))
        for item in _read(source):
            if isinstance(item, Fault):
                faults.append(item)
                continue
            example = replace(item, text=clean(item.text), language=normalize_language(item.language))
            reason = reason_to_remove(example.text, max_characters=config.max_characters)
            if not reason and config.language_check:
                reason = language_reason(example.text, example.language)
            if reason:
                removed.append(Removed(example, reason))
            else:
                kept.append(example)
    half = len(config.sources)
    gone, unlabelled = find_duplicates(
        kept, near_threshold=config.near_threshold, progress=lambda done, total: progress(half + half * done // max(1, total), 2 * half)
    )
    removed += [Removed(kept[row], reason) for row, reason in gone]
    dropped = {row for row, _ in gone}
    rows = [unlabelled.get(row, example) for row, example in enumerate(kept) if row not in dropped]
    return _write(config, rows, removed, faults, Counter(kept[row].dataset for row in unlabelled))


def corpus_folder(name: str, importers: Mapping[str, Any] = IMPORTERS) -> Path:
    """The folder of one corpus.

    Raises:
        CorpusError: The corpus has no importer, or it or the corpora folder is missing.
    """
    if name not in importers:
        raise CorpusError(f"There is no importer for the corpus {name!r}; importers are {', '.join(importers)}.")
    folder = corpora_root() / name
    if not folder.is_dir():
        raise CorpusError(f"There is no folder {folder}; fetch the corpus again or leave it out of the sources.")
    return folder


def _read(name: str) -> Iterator[Example | Fault]:
    folder = corpus_folder(name)
    return IMPORTERS[name](folder)


def _write(
    config: CorpusConfig, rows: list[Example], removed: list[Removed], faults: list[Fault], unlabelled: Counter[str]
) -> dict[str, Any]:
    datasets: dict[str, dict[str, Any]] = {}
    kept_by, faults_by = Counter(row.dataset for row in rows), Counter(fault.dataset for fault in faults)
    reasons = Counter((item.example.dataset, item.reason) for item in removed)
    for name in config.sources:
        own = {reason: count for (dataset, reason), count in sorted(reasons.items()) if dataset == name}
        datasets[name] = {"read": kept_by[name] + sum(own.values()), "kept": kept_by[name], "faults": faults_by[name],
                          "label_dropped": unlabelled[name], "removed": own}
    listed = {column: [getattr(item.example, column) for item in removed] for column in ("dataset", "split", "label", "language")}
    listed |= {"reason": [item.reason for item in removed], "text": [item.example.text for item in removed]}
    report = {"rows": len(rows), "removed": dict(Counter(item.reason for item in removed).most_common()), "datasets": datasets}
    table = {column: [getattr(row, column) for row in rows] for column in COLUMNS}
    return write_tables(Path(config.output), "corpus.parquet", table, listed, report, faults)
