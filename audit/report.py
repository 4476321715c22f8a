"""What an audit found, as one value that becomes report.json."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np

from audit.columns import AuditColumns
from audit.gaps import Gap, Measured, PairDifference, pair_differences
from audit.measures import Measure
from audit.parallel import McNemar
from audit.table import AuditTable
from models.errors import ConfigError
from models.metrics import RESAMPLES, Interval, interval

SCHEMA_VERSION = 1
PACKAGES = ("numpy", "scipy", "pyarrow", "sacrebleu", "torch", "transformers")
BUDGET_SHARE = 0.05  # of a metric's scale: 5 points of 100, 0.05 of 1
RATIOS = ("ece", "confidence_gap", "brier", "length_ratio")  # metrics that are not 0-100
MOST_PAIRED = 40  # groups of which every pair is compared: 780 pairs a metric


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

    def check_budgets(self, known: Sequence[str]) -> None:
        """Raises ConfigError where a budget names a metric that is not measured."""
        unknown = sorted(set(self.budgets) - set(known))
        if unknown:
            raise ConfigError(f"A budget names the metric {unknown[0]!r}; measured are {', '.join(known)}.")


@dataclass(frozen=True)
class GroupResult:
    """One group.

    Attributes:
        group: Its name; of several columns, the values joined.
        count: Rows in it.
        metrics: Every metric with its interval; those that cannot be measured here are absent.
        confusion: Counts (gold, predicted), or None where there are no classes.
    """

    group: str
    count: int
    metrics: dict[str, Interval]
    confusion: np.ndarray | None

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        plain = {"culture": self.group, "count": self.count, "metrics": {name: vars(value) for name, value in self.metrics.items()}}
        return plain if self.confusion is None else {**plain, "confusion": self.confusion.tolist()}


@dataclass(frozen=True)
class Adjusted:
    """Gaps if every group had the class mix and the lengths of all together.

    Attributes:
        gaps: Best against worst by metric.
        covered: Share of the rows that could be compared so (0-1).
    """

    gaps: dict[str, Gap]
    covered: float

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"gaps": {name: gap.to_json_dict() for name, gap in self.gaps.items()}, "covered": self.covered}


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        task: sentiment (any classification) or translation.
        classes: Of labels and predictions; none for translations.
        overall: All measured rows together.
        by_culture: Every group, sorted by its name.
        gaps: Best against worst group by metric.
        pairs: Every pair of groups by metric.
        adjusted: The gaps on equal terms, or why they cannot be told.
        mcnemar: The test of every pair of a parallel table; none for others.
        left_out: Rows that were not measured, by reason; those of `small` groups are not among them.
        small: Groups that were not measured, with their rows.
        items: Items of a parallel table that stand in every group, or None.
        signature: Hash of the data, model, settings, seed, metrics and versions.
    """

    task: str
    classes: tuple[str, ...]
    overall: GroupResult
    by_culture: tuple[GroupResult, ...]
    gaps: dict[str, Gap]
    pairs: dict[str, list[PairDifference]]
    adjusted: Adjusted | str
    mcnemar: list[McNemar]
    left_out: dict[str, int]
    small: dict[str, int]
    items: int | None
    signature: dict[str, Any]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics that some group has; of those that groups count differently there is no value of all rows."""
        largest = max(self.by_culture, key=lambda group: len(group.metrics))
        return tuple(dict.fromkeys(name for group in (largest, *self.by_culture) for name in group.metrics))

    def to_json_dict(self) -> dict[str, Any]:
        """The content of report.json."""
        overall = self.overall.to_json_dict()
        del overall["culture"]
        return {
            "schema_version": SCHEMA_VERSION, "task": self.task, "classes": list(self.classes), "overall": overall,
            "by_culture": [group.to_json_dict() for group in self.by_culture], "gaps": {name: gap.to_json_dict() for name, gap in self.gaps.items()},
            "pairs": {name: [asdict(pair) for pair in pairs] for name, pairs in self.pairs.items()},
            "adjusted": {"reason": self.adjusted} if isinstance(self.adjusted, str) else self.adjusted.to_json_dict(),
            "mcnemar": [asdict(test) for test in self.mcnemar],
            "left_out": self.left_out, "small_groups": self.small, "items": self.items, "signature": self.signature}

    def over_budget(self, budgets: Mapping[str, float]) -> dict[str, Gap]:
        """Gaps that are proven larger than the budget given for them."""
        return {name: self.gaps[name] for name in budgets if name in self.gaps and self.gaps[name].exceeds_budget}


def group_results(
    names: Sequence[str], counts: Sequence[int], values: Mapping[str, np.ndarray], draws: Mapping[str, np.ndarray], measures: Mapping[str, Measure],
    confusions: np.ndarray | None = None,
) -> tuple[GroupResult, ...]:
    """One result a group.

    Args:
        names: Of the groups (groups,).
        counts: Rows of each (groups,).
        values: Every metric of each group (groups,), NaN where it cannot be measured.
        draws: Every metric in bootstrap resamples (resamples, groups).
        measures: The metrics.
        confusions: Counts (groups, gold, predicted), where there are classes.
    """
    found = []
    for number, name in enumerate(names):
        metrics = {metric: _interval(float(values[metric][number]), draws[metric][:, number], measure.scale)
                   for metric, measure in measures.items() if np.isfinite(values[metric][number])}
        found.append(GroupResult(name, int(counts[number]), metrics, None if confusions is None else confusions[number]))
    return tuple(found)


def _interval(value: float, draws: np.ndarray, scale: float) -> Interval:
    """Percentile interval; a value at an end of the scale belongs to it, though resamples cannot be beyond."""
    found = interval(value, draws[np.isfinite(draws)])
    return Interval(value, min(found.low, value), max(found.high, value)) if value <= 0 or value >= scale else found


def compare_pairs(measured: Mapping[str, Measured]) -> dict[str, list[PairDifference]]:
    """Every pair of groups by every metric; none where there are more than MOST_PAIRED groups."""
    return {name: pair_differences(metric) for name, metric in measured.items() if len(metric.groups) <= MOST_PAIRED}


def measured(
    names: Sequence[str], values: Mapping[str, np.ndarray], draws: Mapping[str, np.ndarray], measures: Mapping[str, Measure], config: AuditConfig,
) -> dict[str, Measured]:
    """What gaps are found in: all metrics that have a better end."""
    return {
        name: Measured(names, values[name], draws[name], measure.higher_is_better, config.budgets.get(name, BUDGET_SHARE * measure.scale))
        for name, measure in measures.items() if measure.higher_is_better is not None}


def sign(table: AuditTable, columns: AuditColumns, config: AuditConfig, *, model: Mapping[str, str] | None, metrics: Mapping[str, str]) -> dict[str, Any]:
    """What a report rests on: data with its hash, model, columns, settings, sacreBLEU's signatures where there are some, versions."""
    versions = {"python": ".".join(map(str, sys.version_info[:3])), **{name: version(name) for name in PACKAGES}}
    return {"data": table.name, "data_sha256": table.sha256, "model": None if model is None else dict(model), "columns": asdict(columns), **asdict(config),
            "metrics": dict(metrics), "versions": versions}
