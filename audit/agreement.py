"""How far people agree on the labels of each culture: the ceiling that a model's accuracy is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute

from audit.columns import MOST_CLASSES
from audit.measures import Cells, Measure, Values, tabulate
from audit.table import AuditTable
from models.errors import InputError
from models.metrics import RESAMPLES, Interval, interval


@dataclass(frozen=True)
class Annotations:
    """What several people said of each row.

    Attributes:
        classes: Labels that anybody gave, sorted.
        counts: How many gave each label (rows, classes); who gave it does not matter to any measure here.
    """

    classes: tuple[str, ...]
    counts: np.ndarray

    def __post_init__(self) -> None:
        """Raises InputError for counts that are not a table of one column a class."""
        if self.counts.ndim != 2 or self.counts.shape[1] != len(self.classes) or (self.counts < 0).any():
            raise InputError(f"Annotations {self.counts.shape} of {len(self.classes)} classes, expected (rows, classes) and no count below 0.")


@dataclass(frozen=True)
class GroupAgreement:
    """How far people agree on one group.

    Attributes:
        group: Its name.
        count: Rows with two annotations or more; all others are left out.
        annotations: Labels given to these rows.
        metrics: observed_agreement (0-100), fleiss_kappa (at most 1; absent where only one label was given) and human_accuracy (0-100), with intervals.
    """

    group: str
    count: int
    annotations: int
    metrics: dict[str, Interval]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"culture": self.group, "count": self.count, "annotations": self.annotations,
                "metrics": {name: vars(value) for name, value in self.metrics.items()}}


@dataclass(frozen=True)
class AgreementReport:
    """How far people agree.

    Attributes:
        overall: All groups together.
        by_culture: Groups with a row that two people annotated, in the order given.
        without: Names of the groups that have no such row.
    """

    overall: GroupAgreement
    by_culture: tuple[GroupAgreement, ...]
    without: tuple[str, ...]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"overall": self.overall.to_json_dict(), "by_culture": [group.to_json_dict() for group in self.by_culture], "without": list(self.without)}


def read_annotations(table: AuditTable, columns: Sequence[str]) -> Annotations:
    """The labels in the columns of a table, one column a person; an empty cell is none.

    Raises:
        InputError: There are fewer than two columns, one is missing, no cell is filled, or there are too many labels.
    """
    if len(columns) < 2:
        raise InputError(f"{len(columns)} column of annotators is named ({', '.join(columns)}), agreement needs two or more; name one for each person.")
    cells = [compute.utf8_trim_whitespace(table.texts(name)).combine_chunks() for name in columns]
    encoded = compute.dictionary_encode(arrow.concat_arrays(cells))
    names = encoded.dictionary.to_pylist()
    classes = tuple(sorted(name for name in names if name))
    if not 0 < len(classes) <= MOST_CLASSES:
        raise InputError(f"{', '.join(columns)} hold {len(classes)} different labels, expected 1 to {MOST_CLASSES}; check which columns hold annotations.")
    place = np.array([classes.index(name) if name else -1 for name in names])
    counts = np.zeros((table.columns.num_rows, len(classes)), dtype=np.int64)
    for said in place[np.asarray(encoded.indices)].reshape(len(columns), -1):
        rows = np.flatnonzero(said >= 0)
        counts[rows, said[rows]] += 1
    return Annotations(classes, counts)


def measure_agreement(
    annotations: Annotations, groups: np.ndarray, names: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 1
) -> AgreementReport:
    """Agreement in every group, with bootstrap intervals over rows.

    Args:
        annotations: Of each row.
        groups: Number of the group of each row (rows,); rows with a negative one belong to none.
        names: Of the groups.
        resamples: Bootstrap resamples.
        seed: Of the resamples.

    Raises:
        InputError: No row of a group has two annotations.
    """
    chosen = (groups >= 0) & (annotations.counts.sum(1) >= 2)
    held = np.unique(groups[chosen])
    if not len(held):
        raise InputError("No row has the labels of two people or more, so that nothing can be said of agreement; name more columns of annotators.")
    cells, patterns = agreement_cells(np.searchsorted(held, groups[chosen]), annotations.counts[chosen], len(held))
    by_culture = _results([names[number] for number in held], cells, patterns, resamples=resamples, seed=seed)
    overall = _results(["overall"], cells.pooled(), patterns, resamples=resamples, seed=seed)[0]
    return AgreementReport(overall, tuple(by_culture), tuple(name for number, name in enumerate(names) if number not in held))


def agreement_cells(groups: np.ndarray, counts: np.ndarray, group_count: int) -> tuple[Cells, np.ndarray]:
    """Rows counted by what was said of them, and what that is in each cell (cells, classes).

    - observed_agreement: how often two people who were drawn from those of a row agree, mean over rows (Fleiss 1971).
    - fleiss_kappa: Fleiss (1971). Where rows have different numbers of people, the share of a class is the mean over rows of its share in the row
      (as Gwet 2014, chapter 2, but over the same rows as the agreement), so that each row counts once; for equal numbers this is what Fleiss has.
    - human_accuracy: how often one person says what most of the others say, mean over the people of a row, then over rows. Of labels that as many of
      the others gave, one is taken by lot: the person is right in the share 1 / labels. With two people this is the observed agreement.

    Args:
        groups: Number of the group of each row (rows,).
        counts: How many people gave each label (rows, classes), two or more in each row.
        group_count: Groups there are.
    """
    patterns, rows = np.unique(counts, axis=0, return_inverse=True)
    people = patterns.sum(1)
    agreeing = (patterns * (patterns - 1)).sum(1) / (people * (people - 1))
    right, shares = _one_against_others(patterns), patterns / people[:, None]

    def mean_of(values: np.ndarray) -> Values:
        return lambda drawn, means: np.asarray(drawn @ values / drawn.sum(-1))

    def kappa(drawn: np.ndarray, means: np.ndarray) -> np.ndarray:
        total = drawn.sum(-1)
        by_chance = ((drawn @ shares / total[..., None]) ** 2).sum(-1)
        above, below = drawn @ agreeing / total - by_chance, 1 - by_chance
        return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 1e-12))

    measures = {"observed_agreement": Measure(mean_of(100 * agreeing), 100, True), "fleiss_kappa": Measure(kappa, 1, True),
                "human_accuracy": Measure(mean_of(100 * right), 100, True)}
    return tabulate(groups, rows.ravel(), group_count, len(patterns), measures), patterns


def _one_against_others(counts: np.ndarray) -> np.ndarray:
    """How often one person of each row says what most of the others say (rows,), 0-1."""
    right = np.zeros(len(counts))
    for label in range(counts.shape[1]):
        others = counts.copy()
        others[:, label] -= 1  # where nobody gave the label the weight below is 0
        most = others.max(1)
        right += counts[:, label] * (others[:, label] == most) / (others == most[:, None]).sum(1)
    return np.asarray(right / counts.sum(1))


def _results(names: Sequence[str], cells: Cells, patterns: np.ndarray, *, resamples: int, seed: int) -> list[GroupAgreement]:
    values, draws = cells.values(), cells.draws(resamples=resamples, seed=seed)
    annotated, found = cells.counts @ patterns.sum(1), []
    for number, name in enumerate(names):
        metrics = {metric: _interval(float(value[number]), draws[metric][:, number]) for metric, value in values.items() if np.isfinite(value[number])}
        found.append(GroupAgreement(name, int(cells.counts[number].sum()), int(annotated[number]), metrics))
    return found


def _interval(value: float, draws: np.ndarray) -> Interval:
    """Percentile interval of the resamples that have a value (one label alone has no kappa), widened to hold the value where all people agree."""
    found = interval(value, draws[np.isfinite(draws)])
    return Interval(value, min(found.low, value), max(found.high, value))
