"""Classification metrics from confusion counts, and their bootstrap intervals. Every metric is 0-100."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import InputError

Metric = Callable[[np.ndarray], Any]
RESAMPLES = 2_000


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval, all in the unit of the metric."""

    value: float
    low: float
    high: float


def confusion_matrix(labels: Sequence[Any], predictions: Sequence[Any], classes: Sequence[Any]) -> np.ndarray:
    """Counts (gold, predicted) over the classes in their order.

    Raises:
        InputError: The two differ in length, or a value is not among the classes.
    """
    if len(labels) != len(predictions):
        raise InputError(f"There are {len(labels)} labels and {len(predictions)} predictions; give one prediction a label.")
    number = {name: index for index, name in enumerate(classes)}
    unknown = sorted({str(value) for value in [*labels, *predictions] if value not in number})
    if unknown:
        raise InputError(f"{unknown[0]!r} is not among the classes {list(classes)}; map it to one of them.")
    gold = np.fromiter((number[value] for value in labels), dtype=np.int64, count=len(labels))
    predicted = np.fromiter((number[value] for value in predictions), dtype=np.int64, count=len(predictions))
    counts = np.bincount(gold * len(number) + predicted, minlength=len(number) ** 2)
    return counts.reshape(len(number), len(number))


def accuracy(confusion: np.ndarray) -> Any:
    """Share of right predictions (0-100) of confusion counts (..., gold, predicted)."""
    return 100 * np.trace(confusion, axis1=-2, axis2=-1) / np.maximum(confusion.sum((-2, -1)), 1)


def macro_f1(confusion: np.ndarray) -> Any:
    """Mean of the F1 of all classes (0-100); a class that is neither gold nor predicted counts as 0."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    sums = confusion.sum(-1) + confusion.sum(-2)
    return 100 * np.divide(2 * hits, sums, out=np.zeros(hits.shape), where=sums > 0).mean(-1)


def flip_rate(confusion: np.ndarray) -> Any:
    """Share of all texts (0-100) whose first and last class, negative and positive, are taken for each other."""
    flips = confusion[..., 0, -1] + confusion[..., -1, 0]
    return 100 * flips / np.maximum(confusion.sum((-2, -1)), 1)


METRICS: dict[str, Metric] = {"macro_f1": macro_f1, "accuracy": accuracy, "flip_rate": flip_rate}


def resample(confusion: np.ndarray, *, resamples: int = RESAMPLES, seed: int | Sequence[int] = 1) -> np.ndarray:
    """Bootstrap resamples of confusion counts, or of others, of any shape (resamples, ...).

    Drawing rows with replacement and counting them is one multinomial draw over the cells (Efron & Tibshirani 1993,
    chapter 6), so no resample ever touches a row.

    Raises:
        InputError: The counts are empty.
    """
    if confusion.sum() == 0:
        raise InputError("There is no row to measure; a group needs at least one.")
    shares = confusion.ravel() / confusion.sum()
    draws = np.random.default_rng(seed).multinomial(int(confusion.sum()), shares, size=resamples)
    return draws.reshape(resamples, *confusion.shape)


def bootstrap_metric(
    confusion: np.ndarray, metric: Metric, *, resamples: int = RESAMPLES, seed: int = 1, level: float = 0.95
) -> Interval:
    """The metric of confusion counts with its percentile interval."""
    return interval(float(metric(confusion)), metric(resample(confusion, resamples=resamples, seed=seed)), level=level)


def interval(value: float, draws: np.ndarray, *, level: float = 0.95) -> Interval:
    """A value with the percentile interval of its bootstrap draws (resamples,)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


@dataclass(frozen=True)
class GroupMetrics:
    """How a model does on one group of texts.

    Attributes:
        group: A culture, language or phenomenon.
        count: Texts in it.
        confusion: Counts (gold, predicted).
        metrics: Every metric of METRICS with its interval (0-100).
    """

    group: str
    count: int
    confusion: np.ndarray
    metrics: dict[str, Interval]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"count": self.count, "confusion": self.confusion.tolist(),
                "metrics": {name: vars(value) for name, value in self.metrics.items()}}


def measure_group(
    group: str, labels: Sequence[Any], predictions: Sequence[Any], classes: Sequence[Any], *, resamples: int = RESAMPLES, seed: int = 1
) -> GroupMetrics:
    """All metrics of one group with their intervals.

    Raises:
        InputError: The group is empty or a label is not among the classes.
    """
    counts = confusion_matrix(labels, predictions, classes)
    draws = resample(counts, resamples=resamples, seed=seed)
    metrics = {name: interval(float(metric(counts)), metric(draws)) for name, metric in METRICS.items()}
    return GroupMetrics(group, int(counts.sum()), counts, metrics)


def measure_groups(
    groups: Sequence[str], labels: Sequence[Any], predictions: Sequence[Any], classes: Sequence[Any], *,
    resamples: int = RESAMPLES, seed: int = 1,
) -> list[GroupMetrics]:
    """`measure_group` for each distinct group, sorted by its name."""
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    return [
        measure_group(group, [labels[row] for row in rows], [predictions[row] for row in rows], classes, resamples=resamples, seed=seed)
        for group, rows in sorted(members.items())
    ]


def mean_over_groups(
    confusions: Sequence[np.ndarray], metric: Metric, *, resamples: int = RESAMPLES, seed: int = 1, level: float = 0.95
) -> Interval:
    """The unweighted mean of a metric over groups, each resampled on its own."""
    draws = [metric(resample(counts, resamples=resamples, seed=seed + number)) for number, counts in enumerate(confusions)]
    return interval(float(np.mean([metric(counts) for counts in confusions])), np.mean(draws, axis=0), level=level)
