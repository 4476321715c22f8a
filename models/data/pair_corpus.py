"""From corpus folders to one clean table of pairs for translation; everything left out is counted by reason and listed."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.data.cleaning import clean, reason_to_remove
from models.data.corpus import corpus_folder
from models.data.importers import PAIR_IMPORTERS
from models.data.language import language_reason, normalize_language
from models.data.pair_duplicates import find_pair_duplicates, length_ratio
from models.data.pairs import PAIR_COLUMNS, Pair
from models.data.schema import Fault
from models.data.tables import write_tables
from models.errors import ConfigError
from models.progress import Progress, no_progress


@dataclass(frozen=True)
class PairCorpusConfig:
    """Settings of `python -m models corpus build` where the YAML says `task: translation`."""

    output: str  # folder of pairs.parquet, removed.parquet and report.json
    task: str = "translation"
    sources: tuple[str, ...] = tuple(PAIR_IMPORTERS)  # corpus folders
    max_characters: int = 1_000  # pairs with a longer side are left out
    length_ratio: float = 2.5  # of the longer to the shorter side, a Han character as three letters
    language_check: bool = True  # of both sides

    def __post_init__(self) -> None:
        """Raises ConfigError for another task, a source without an importer, or limits that leave nothing."""
        if self.task != "translation":
            raise ConfigError(f"A corpus of pairs has the task {self.task!r}, expected 'translation'.")
        unknown = sorted(set(self.sources) - set(PAIR_IMPORTERS))
        if unknown:
            raise ConfigError(f"There is no importer of pairs for {unknown[0]!r}; importers are {', '.join(PAIR_IMPORTERS)}.")
        if self.max_characters < 1 or not self.length_ratio > 1:
            raise ConfigError(f"max_characters {self.max_characters} and length_ratio {self.length_ratio} leave no pair; give at least 1 and more than 1.")


def read_pairs(name: str, split: str | None = None) -> Iterator[Pair]:
    """Pairs of one corpus as published, cleaned but with no row left out, optionally of one split.

    Raises:
        CorpusError: The corpus has no importer of pairs, or it or the corpora folder is missing.
    """
    for item in _read(name):
        if isinstance(item, Pair) and (split is None or item.split == split):
            yield replace(item, source=clean(item.source), target=clean(item.target))


def build_pairs(config: PairCorpusConfig, progress: Progress = no_progress) -> dict[str, Any]:
    """Builds the table and returns the report: pairs read, kept and removed by reason for each data set.

    Raises:
        CorpusError: A source or the corpora folder is missing.
        DiskError: The table cannot be written; no half file is left.
    """
    kept: list[Pair] = []
    removed: list[tuple[Pair, str]] = []
    faults: list[Fault] = []
    for number, name in enumerate(config.sources):
        progress(number, 2 * len(config.sources))
        for item in _read(name):
            if isinstance(item, Fault):
                faults.append(item)
                continue
            pair = replace(item, source=clean(item.source), target=clean(item.target), source_language=normalize_language(item.source_language),
                           target_language=normalize_language(item.target_language))
            reason = pair_reason(pair, config)
            if reason:
                removed.append((pair, reason))
            else:
                kept.append(pair)
    half = len(config.sources)
    gone = find_pair_duplicates(kept, [pair for pair, _ in removed], lambda done, total: progress(half + half * done // total, 2 * half))
    progress(2 * half, 2 * half)
    removed += [(kept[row], reason) for row, reason in sorted(gone.items())]
    rows = [pair for row, pair in enumerate(kept) if row not in gone]
    return _write(config, rows, removed, faults)


def pair_reason(pair: Pair, config: PairCorpusConfig) -> str:
    """Why a cleaned pair cannot be used, or ""."""
    sides = ((pair.source, pair.source_language), (pair.target, pair.target_language))
    for text, _ in sides:
        if reason := reason_to_remove(text, max_characters=config.max_characters):
            return reason
    if pair.source.casefold() == pair.target.casefold():
        return "source is target"
    if length_ratio(pair.source, pair.target) > config.length_ratio:
        return "length ratio"
    if config.language_check:
        return next((reason for text, language in sides if (reason := _language_reason(text, language))), "")
    return ""


@functools.lru_cache(maxsize=65_536)
def _language_reason(text: str, language: str) -> str:
    """As language_reason, which takes most of the time, where one English sentence has several translations."""
    return language_reason(text, language)


def _read(name: str) -> Iterator[Pair | Fault]:
    folder = corpus_folder(name, PAIR_IMPORTERS)
    return PAIR_IMPORTERS[name](folder)


def _write(config: PairCorpusConfig, rows: list[Pair], removed: list[tuple[Pair, str]], faults: list[Fault]) -> dict[str, Any]:
    datasets: dict[str, dict[str, Any]] = {}
    kept_by, faults_by = Counter(row.dataset for row in rows), Counter(fault.dataset for fault in faults)
    reasons = Counter((pair.dataset, reason) for pair, reason in removed)
    for name in config.sources:
        own = {reason: count for (dataset, reason), count in sorted(reasons.items()) if dataset == name}
        datasets[name] = {"read": kept_by[name] + sum(own.values()), "kept": kept_by[name], "faults": faults_by[name], "removed": own}
    directions = Counter((row.source_language, row.target_language, row.split) for row in rows)
    report = {"rows": len(rows), "removed": dict(Counter(reason for _, reason in removed).most_common()), "datasets": datasets,
              "directions": {f"{source}-{target} {split}": count for (source, target, split), count in sorted(directions.items())}}
    columns = ("dataset", "split", "source_language", "target_language", "source", "target")
    listed = {column: [getattr(pair, column) for pair, _ in removed] for column in columns}
    listed["reason"] = [reason for _, reason in removed]
    table = {column: [getattr(row, column) for row in rows] for column in PAIR_COLUMNS}
    return write_tables(Path(config.output), "pairs.parquet", table, listed, report, faults)
