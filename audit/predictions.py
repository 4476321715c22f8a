"""The audit of a table of predictions: metrics by culture, their gaps, and what they rest on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np

from audit.columns import AuditColumns, MeasuredRows, measure_rows
from audit.gaps import Gap, Measured, find_gaps
from audit.measures import Cells, brier_cells, confidence_cells, confusion_cells
from audit.parallel import Parallel, align_items, paired_draws
from audit.table import AuditTable
from models.errors import ConfigError
from models.metrics import RESAMPLES, Interval, interval

SCHEMA_VERSION = 1
PACKAGES = ("numpy", "scipy", "pyarrow", "torch", "transformers")
BUDGET_SHARE = 0.05  # of a metric's scale: 5 points of 100, 0.05 of 1


@dataclass(frozen=True)
class AuditConfig:
    """Settings of an audit; all of them are part of its signature."""

    resamples: int = RESAMPLES
    seed: int = 1
    minimum_group: int = 30  # rows; smaller groups are named and not measured
    most_groups: int = 200  # the largest are measured, and the report says that it was cut
    budgets: dict[str, float] = field(default_factory=dict)  # metric -> largest difference that counts as none; else 5 % of the metric's scale

    def __post_init__(self) -> None:
        """Raises ConfigError for values out of range."""
        if self.resamples < 100 or self.minimum_group < 1 or self.most_groups < 1:
            raise ConfigError(f"The audit has {self.resamples} resamples, groups of {self.minimum_group} or more rows and {self.most_groups} groups at most; "
                              "expected 100 resamples or more, and at least 1 of the others.")
        if any(not value >= 0 for value in self.budgets.values()):
            raise ConfigError(f"The budgets are {self.budgets}, expected values of 0 or more in the unit of each metric.")


@dataclass(frozen=True)
class GroupResult:
    """One group.

    Attributes:
        culture: Its name; of several columns, the values joined.
        count: Rows in it.
        metrics: Every metric with its interval; those that cannot be measured here are absent.
        confusion: Counts (gold, predicted).
    """

    culture: str
    count: int
    metrics: dict[str, Interval]
    confusion: np.ndarray

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"culture": self.culture, "count": self.count, "metrics": {name: vars(value) for name, value in self.metrics.items()},
                "confusion": self.confusion.tolist()}


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        classes: Of labels and predictions.
        overall: All measured rows together.
        by_culture: Every group, by its name.
        gaps: Best against worst group by metric.
        left_out: Rows that were not measured, by reason; those of `small` groups are not among them.
        small: Groups that were not measured, with their rows.
        items: Items of a parallel table, or None.
        signature: Hash of the data, settings, seed and versions.
    """

    classes: tuple[str, ...]
    overall: GroupResult
    by_culture: tuple[GroupResult, ...]
    gaps: dict[str, Gap]
    left_out: dict[str, int]
    small: dict[str, int]
    items: int | None
    signature: dict[str, Any]

    def to_json_dict(self) -> dict[str, Any]:
        """The content of report.json."""
        overall = self.overall.to_json_dict()
        del overall["culture"]
        return {"schema_version": SCHEMA_VERSION, "task": "sentiment", "classes": list(self.classes), "overall": overall,
                "by_culture": [group.to_json_dict() for group in self.by_culture], "gaps": {name: gap.to_json_dict() for name, gap in self.gaps.items()},
                "left_out": self.left_out, "small_groups": self.small, "items": self.items, "signature": self.signature}


def audit_predictions(table: AuditTable, columns: AuditColumns | None = None, config: AuditConfig | None = None) -> AuditReport:
    """Measures every culture of a table whose rows have a gold label and a prediction.

    Raises:
        InputError: The table lacks a column or a row holds what cannot be measured.
        ConfigError: A budget names a metric that there is not.
    """
    columns, config = columns or AuditColumns(), config or AuditConfig()
    rows = _largest(measure_rows(table, columns, minimum_group=config.minimum_group), config.most_groups)
    families = _families(rows)
    known = [name for cells in families for name in cells.measures]
    unknown = sorted(set(config.budgets) - set(known))
    if unknown:
        raise ConfigError(f"A budget names the metric {unknown[0]!r}; measured are {', '.join(known)}.")
    parallel = align_items(rows.groups, np.asarray(table.texts(columns.item).to_pylist()), rows.names) if columns.item else None
    values = _merge([cells.values() for cells in families])
    draws = _merge([cells.draws(resamples=config.resamples, seed=config.seed) for cells in families])
    whole = [cells.pooled() for cells in families]
    overall = _results(("overall",), _merge([cells.values() for cells in whole]),
                       _merge([cells.draws(resamples=config.resamples, seed=config.seed) for cells in whole]), whole[0], len(rows.classes))[0]
    by_culture = _results(rows.names, values, draws, families[0], len(rows.classes))
    return AuditReport(rows.classes, overall, by_culture, _find_gaps(rows, families, values, draws, parallel, config), rows.left_out, rows.small,
                       len(parallel.items) if parallel else None, _signature(table, columns, config))


def _families(rows: MeasuredRows) -> list[Cells]:
    count = len(rows.names)
    families = [confusion_cells(rows.groups, rows.labels, rows.predictions, rows.classes, count)]
    if rows.probabilities is not None:
        confidences = np.take_along_axis(rows.probabilities, rows.predictions[:, None], axis=1)[:, 0]
        families += [confidence_cells(rows.groups, confidences, rows.labels == rows.predictions, count),
                     brier_cells(rows.groups, rows.probabilities, rows.labels, count)]
    return families


def _find_gaps(
    rows: MeasuredRows, families: list[Cells], values: Mapping[str, np.ndarray], draws: Mapping[str, np.ndarray], parallel: Parallel | None, config: AuditConfig
) -> dict[str, Gap]:
    """Gaps of all metrics that have a better end; of a parallel table over the items that stand in every group."""
    measures = _merge([cells.measures for cells in families])
    if parallel is not None:
        complete = np.full(len(rows.groups), -1)
        complete[parallel.rows] = np.arange(len(rows.names))
        families = _families(MeasuredRows(**{**vars(rows), "groups": complete}))
        values = _merge([cells.values() for cells in families])
        draws = _merge([paired_draws(cells, parallel, resamples=config.resamples, seed=config.seed) for cells in families])
    return find_gaps({
        name: Measured(rows.names, values[name], draws[name], measure.higher_is_better, config.budgets.get(name, BUDGET_SHARE * measure.scale))
        for name, measure in measures.items() if measure.higher_is_better is not None})


def _results(
    names: tuple[str, ...], values: Mapping[str, np.ndarray], draws: Mapping[str, np.ndarray], confusion: Cells, classes: int
) -> tuple[GroupResult, ...]:
    found = []
    for number, name in enumerate(names):
        metrics = {metric: interval(float(values[metric][number]), draws[metric][:, number][np.isfinite(draws[metric][:, number])])
                   for metric in values if np.isfinite(values[metric][number])}
        counts = confusion.counts[number].reshape(classes, classes)
        found.append(GroupResult(name, int(counts.sum()), metrics, counts))
    return tuple(found)


def _largest(rows: MeasuredRows, most: int) -> MeasuredRows:
    """The largest groups; the others are counted as left out."""
    if len(rows.names) <= most:
        return rows
    sizes = np.bincount(rows.groups[rows.groups >= 0], minlength=len(rows.names))
    kept = np.sort(np.argsort(-sizes, kind="stable")[:most])
    place = np.full(len(rows.names) + 1, -1)
    place[kept] = np.arange(most)
    left_out = {**rows.left_out, f"groups beyond the {most} largest": int(sizes.sum() - sizes[kept].sum())}
    return MeasuredRows(**{**vars(rows), "names": tuple(rows.names[number] for number in kept), "groups": place[rows.groups], "left_out": left_out})


def _merge(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _signature(table: AuditTable, columns: AuditColumns, config: AuditConfig) -> dict[str, Any]:
    versions = {"python": ".".join(map(str, sys.version_info[:3])), **{name: version(name) for name in PACKAGES}}
    return {"data": table.name, "data_sha256": table.sha256, "model": None, "columns": asdict(columns), **asdict(config), "versions": versions}
