"""Metrics of classification as functions of counts of cells, so that a resample draws counts and never touches a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.metrics import RESAMPLES, accuracy, flip_rate, macro_f1, resample

BINS = 15  # bins of confidence of the expected calibration error (Guo et al. 2017)
FINE = 4  # cells a bin: a resample knows confidences to 1/60
SQUARES = 100  # cells of the Brier score: a resample knows it to 1/50

Values = Callable[[np.ndarray, np.ndarray], np.ndarray]  # counts and means (..., cells) -> values (...), NaN where there is nothing to measure


def count_rows(counts: np.ndarray) -> np.ndarray:
    """Rows of each group (...,) from counts of cells (..., cells)."""
    return np.asarray(counts.sum(-1))


@dataclass(frozen=True)
class Measure:
    """A metric of one group.

    Attributes:
        values: Its values from the rows in each cell and the mean of what they add.
        scale: 100 for percent, 1 for probabilities and ratios.
        higher_is_better: Which end is the best; None where nearest to 0 is.
        support: Rows the metric rests on (groups,), from counts of cells (groups, cells).
    """

    values: Values
    scale: float
    higher_is_better: bool | None
    support: Callable[[np.ndarray], np.ndarray] = count_rows


@dataclass(frozen=True)
class Cells:
    """Rows counted by group and by what they add to a family of metrics.

    Attributes:
        counts: Rows in each cell (groups, cells).
        means: Mean over the rows of a cell of what is measured, so that a metric of all rows is exact (groups, cells).
        rows: Number of the cell of each row (rows,).
        measures: The metrics that are functions of these.
    """

    counts: np.ndarray
    means: np.ndarray
    rows: np.ndarray
    measures: dict[str, Measure]

    def __post_init__(self) -> None:
        """Raises InputError for counts that are not a table of numbers of 0 or more."""
        if self.counts.ndim != 2 or self.counts.shape != self.means.shape or (self.counts < 0).any():
            raise InputError(f"Counts {self.counts.shape} and means {self.means.shape}, expected (groups, cells) and no count below 0.")

    def values(self) -> dict[str, np.ndarray]:
        """Every metric of every group (groups,)."""
        return {name: measure.values(self.counts, self.means) for name, measure in self.measures.items()}

    def draws(self, *, resamples: int = RESAMPLES, seed: int = 1) -> dict[str, np.ndarray]:
        """Every metric in bootstrap resamples of the rows within each group (resamples, groups)."""
        columns = []
        for group, (counts, means) in enumerate(zip(self.counts, self.means, strict=True)):
            drawn = resample_cells(counts, resamples=resamples, seed=[seed, group])
            columns.append({name: measure.values(drawn, means) for name, measure in self.measures.items()})
        return self.loosen({name: np.stack([column[name] for column in columns], axis=1) for name in self.measures}, seed=seed)

    def loosen(self, draws: dict[str, np.ndarray], *, seed: int) -> dict[str, np.ndarray]:
        """The draws (resamples, groups); where no resample of a group differs, they vary by what its few rows do not show.

        Thirty rows that are all right do not prove that every row is. What is missing from n rows may happen in a share of Beta(1, n) of all: its
        97.5 % point is the bound of Clopper & Pearson (1934) for no case in n.
        """
        for name, measure in self.measures.items():
            values, support = measure.values(self.counts, self.means), measure.support(self.counts)
            for group in np.flatnonzero(_is_still(draws[name]) & np.isfinite(values)):
                generator = np.random.default_rng([seed, int(group), 1])
                chances = (generator.permutation(len(draws[name])) + 0.5) / len(draws[name])  # evenly over 0-1
                share = measure.scale * (1 - chances ** (1 / max(1, support[group])))  # quantiles of Beta(1, n)
                sign = -1 if values[group] >= measure.scale else 1 if values[group] <= 0 else generator.choice([-1, 1], size=len(share))
                draws[name][:, group] = np.where(np.isfinite(draws[name][:, group]), values[group] + sign * share, np.nan)  # still unknown where it was
        return draws

    def pooled(self) -> Cells:
        """All groups as one."""
        counts = self.counts.sum(0, keepdims=True)
        return Cells(counts, (self.counts * self.means).sum(0, keepdims=True) / np.maximum(counts, 1), self.rows, self.measures)


def _is_still(draws: np.ndarray) -> np.ndarray:
    """Whether all resamples (resamples, groups) in which a group can be measured give the same (groups,)."""
    known = np.isfinite(draws)
    high, low = np.where(known, draws, -np.inf).max(0), np.where(known, draws, np.inf).min(0)
    return np.asarray(high == low)


def count_cells(groups: np.ndarray, cells: np.ndarray, group_count: int, cell_count: int) -> np.ndarray:
    """How many rows of each group fall in each cell (groups, cells).

    Args:
        groups: Number of the group of each row (rows,); rows with a negative one belong to none.
        cells: Number of the cell of each row (rows,).
        group_count: Groups there are.
        cell_count: Cells there are.
    """
    member = groups >= 0
    flat = groups[member].astype(np.int64) * cell_count + cells[member]
    return np.bincount(flat, minlength=group_count * cell_count).reshape(group_count, cell_count)


def resample_cells(counts: np.ndarray, *, resamples: int = RESAMPLES, seed: int | Sequence[int] = 1) -> np.ndarray:
    """Counts of the rows of one group drawn with replacement (resamples, cells); only cells that hold rows are drawn.

    Raises:
        InputError: The group is empty.
    """
    held = np.flatnonzero(counts)
    draws = np.zeros((resamples, len(counts)), dtype=np.int64)
    draws[:, held] = resample(counts[held], resamples=resamples, seed=seed)
    return draws


def tabulate(
    groups: np.ndarray, cells: np.ndarray, group_count: int, cell_count: int, measures: dict[str, Measure], values: np.ndarray | None = None
) -> Cells:
    """Counts the rows, and takes the means of what is measured in each cell where it is given.

    Args:
        groups: Number of the group of each row (rows,); rows with a negative one belong to none.
        cells: Number of the cell of each row (rows,).
        group_count: Groups there are.
        cell_count: Cells there are.
        measures: The metrics that are functions of the cells.
        values: What each row adds (rows,).
    """
    counts = count_cells(groups, cells, group_count, cell_count)
    if values is None:
        return Cells(counts, np.zeros(counts.shape), cells, measures)
    member = groups >= 0
    sums = np.bincount(groups[member].astype(np.int64) * cell_count + cells[member], weights=values[member], minlength=counts.size)
    return Cells(counts, sums.reshape(counts.shape) / np.maximum(counts, 1), cells, measures)


def confusion_cells(groups: np.ndarray, labels: np.ndarray, predictions: np.ndarray, classes: Sequence[str], group_count: int) -> Cells:
    """Rows by gold and predicted class: macro_f1, accuracy, precision and recall of each class, and flip_rate where there are three classes.

    Args:
        groups: Number of the group of each row (rows,).
        labels: Number of the gold class of each row (rows,).
        predictions: Number of the predicted class of each row (rows,).
        classes: Names; of three, the first is negative and the last positive.
        group_count: Groups there are.
    """
    size = len(classes)

    def on_confusion(metric: Callable[[np.ndarray], np.ndarray]) -> Values:
        return lambda counts, means: np.asarray(metric(counts.reshape(*counts.shape[:-1], size, size)), dtype=float)

    def of_class(number: int, axis: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda counts: np.asarray(counts.reshape(-1, size, size).sum(axis)[:, number])

    def smallest_class(counts: np.ndarray) -> np.ndarray:
        rows = counts.reshape(-1, size, size).sum(-1)
        return np.asarray(np.where(rows > 0, rows, rows.max(-1, keepdims=True)).min(-1))

    measures = {"macro_f1": Measure(on_confusion(macro_f1), 100, True, smallest_class), "accuracy": Measure(on_confusion(accuracy), 100, True)}
    if size == 3:
        measures["flip_rate"] = Measure(on_confusion(flip_rate), 100, False)
    for number, name in enumerate(classes):
        measures[f"precision_{name}"] = Measure(on_confusion(_share(number, -2)), 100, True, of_class(number, -2))
        measures[f"recall_{name}"] = Measure(on_confusion(_share(number, -1)), 100, True, of_class(number, -1))
    return tabulate(groups, labels.astype(np.int64) * size + predictions, group_count, size**2, measures)


def confidence_cells(groups: np.ndarray, confidences: np.ndarray, correct: np.ndarray, group_count: int) -> Cells:
    """Rows by confidence and correctness: ece and confidence_gap (mean confidence minus accuracy; above 0 is over-confident).

    Args:
        groups: Number of the group of each row (rows,).
        confidences: Probability of the predicted class (rows,), 0-1.
        correct: Whether the prediction is right (rows,).
        group_count: Groups there are.
    """
    fine = np.minimum((confidences * BINS * FINE).astype(np.int64), BINS * FINE - 1)
    cells = fine * 2 + correct
    size = BINS * FINE * 2

    def per_bin(counts: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Confidence minus correctness summed in each bin (..., bins)."""
        excess = (means - np.arange(size) % 2) * counts
        return np.asarray(excess.reshape(*counts.shape[:-1], BINS, FINE * 2).sum(-1))

    def ece(counts: np.ndarray, means: np.ndarray) -> np.ndarray:
        return _divide(np.abs(per_bin(counts, means)).sum(-1), counts.sum(-1))

    def confidence_gap(counts: np.ndarray, means: np.ndarray) -> np.ndarray:
        return _divide(per_bin(counts, means).sum(-1), counts.sum(-1))

    measures = {"ece": Measure(ece, 1, False), "confidence_gap": Measure(confidence_gap, 1, None)}
    return tabulate(groups, cells, group_count, size, measures, confidences)


def brier_cells(groups: np.ndarray, probabilities: np.ndarray, labels: np.ndarray, group_count: int) -> Cells:
    """Rows by their squared error: brier, the mean over rows of the summed squared errors of all classes (Brier 1950), 0-2.

    Args:
        groups: Number of the group of each row (rows,).
        probabilities: Of each class (rows, classes), 0-1.
        labels: Number of the gold class of each row (rows,).
        group_count: Groups there are.
    """
    own = np.take_along_axis(probabilities, labels[:, None].astype(np.int64), axis=1)[:, 0]
    errors = (probabilities**2).sum(1) - 2 * own + 1
    cells = np.minimum((errors * (SQUARES / 2)).astype(np.int64), SQUARES - 1).clip(0)
    brier = Measure(lambda counts, means: _divide((counts * means).sum(-1), counts.sum(-1)), 1, False)
    return tabulate(groups, cells, group_count, SQUARES, {"brier": brier}, errors)


def _share(number: int, axis: int) -> Callable[[np.ndarray], np.ndarray]:
    """Hits of a class among its predictions (axis -2) or its gold labels (axis -1), in percent."""
    def share(confusion: np.ndarray) -> np.ndarray:
        return 100 * _divide(confusion[..., number, number], confusion.sum(axis)[..., number])

    return share


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0))
