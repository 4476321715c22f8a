"""Metrics of rows as they came and after every repair, in resamples that draw the same rows in all versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from audit.measures import Cells, Measure, brier_cells, confidence_cells, confusion_cells

BLOCK = 64  # resamples weighted together, so that memory does not grow with their number
MEASURED = ("accuracy", "macro_f1", "flip_rate", "ece", "brier")  # and the recall of each class


@dataclass(frozen=True)
class ShownRows:
    """Rows that were not fitted on, as they came (version 0) and after every repair.

    Attributes:
        groups, labels: Of each row (rows,).
        predictions: Number of the class (versions, rows).
        probabilities: Of each class (versions, rows, classes).
        classes: Their names.
    """

    groups: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray
    classes: tuple[str, ...]

    def only(self, chosen: np.ndarray) -> ShownRows:
        """Some of the rows, from (rows,) of bool."""
        return ShownRows(self.groups[chosen], self.labels[chosen], self.predictions[:, chosen], self.probabilities[:, chosen], self.classes)


@dataclass(frozen=True)
class Drawn:
    """Every metric of every version (versions,), and in resamples of the rows, the same rows in all versions (resamples, versions)."""

    measures: dict[str, Measure]
    values: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]


def measure_all(
    parts: Sequence[ShownRows], moving: Sequence[Sequence[bool]], weights: np.ndarray, *, resamples: int, seed: int,
) -> tuple[list[Drawn], Drawn]:
    """Every metric of every version in each culture, and in all together.

    Args:
        parts: The rows of each culture.
        moving: Which repairs could move a prediction of each.
        weights: What a row of each counts for among all (cultures,).
        resamples: Of the rows within each culture; those of all are their sums.
        seed: Of the resamples.
    """
    sizes = np.array([len(part.labels) for part in parts])
    weights = weights * sizes.sum() / (weights @ sizes)  # all together are as many rows as are shown
    every = [_families(part) for part in parts]
    measured, totals = [], [np.zeros((resamples, *cells.counts.shape), dtype=np.float32) for cells in every[0]]
    for number, (part, families) in enumerate(zip(parts, every, strict=True)):
        generator = np.random.default_rng([seed, number])
        drawn = _draw(families, len(part.labels), resamples, generator)
        for total, counts in zip(totals, drawn, strict=True):
            total += counts * np.float32(weights[number])
        measured.append(_metrics(families, drawn, part.classes, np.flatnonzero(moving[number]) + 1, generator))
    whole = [_sum_cells(cells, weights) for cells in zip(*every, strict=True)]
    generator = np.random.default_rng([seed, len(parts)])
    return measured, _metrics(whole, totals, parts[0].classes, np.flatnonzero(np.any(moving, axis=0)) + 1, generator)


def _draw(families: Sequence[Cells], count: int, resamples: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Counts of the cells of each family in resamples of the rows, the same rows in all versions and families (resamples, versions, cells)."""
    versions = len(families[0].counts)
    tables = [csr_array((np.ones(versions * count, dtype=np.float32), (np.repeat(np.arange(versions), count) * cells.counts.shape[1] + cells.rows,
                                                                       np.tile(np.arange(count), versions))), shape=(cells.counts.size, count))
              for cells in families]
    found = [np.empty((resamples, *cells.counts.shape), dtype=np.float32) for cells in families]
    for start in range(0, resamples, BLOCK):
        block = min(BLOCK, resamples - start)
        rows = generator.integers(count, size=(block, count)) + count * np.arange(block)[:, None]
        weights = np.bincount(rows.ravel(), minlength=block * count).reshape(block, count).T.astype(np.float32)
        for counts, table in zip(found, tables, strict=True):
            counts[start : start + block] = (table @ weights).T.reshape(block, versions, -1)
    return found


def _metrics(
    families: Sequence[Cells], drawn: Sequence[np.ndarray], classes: Sequence[str], versions: np.ndarray, generator: np.random.Generator,
) -> Drawn:
    """Those of MEASURED and the recall of each class; `versions` are those that could move a prediction."""
    measures: dict[str, Measure] = {}
    values: dict[str, np.ndarray] = {}
    draws: dict[str, np.ndarray] = {}
    for cells, counts in zip(families, drawn, strict=True):
        wanted = {name: measure for name, measure in cells.measures.items() if name in (*MEASURED, *(f"recall_{label}" for label in classes))}
        measures |= wanted
        values |= {name: measure.values(cells.counts, cells.means) for name, measure in wanted.items()}
        draws |= {name: measure.values(counts, cells.means).astype(np.float64) for name, measure in wanted.items()}
    _loosen(draws, families, versions, generator)
    return Drawn(measures, values, draws)


def _sum_cells(parts: Sequence[Cells], weights: np.ndarray) -> Cells:
    """The cells of one family in all cultures together, whose rows count as `weights` (cultures,) say."""
    counts = [cells.counts * weight for cells, weight in zip(parts, weights, strict=True)]
    total = np.sum(counts, axis=0)
    sums = np.sum([count * cells.means for count, cells in zip(counts, parts, strict=True)], axis=0)
    return Cells(total, np.divide(sums, total, out=np.zeros(total.shape), where=total > 0), parts[0].rows, parts[0].measures)


def _loosen(draws: dict[str, np.ndarray], families: Sequence[Cells], versions: np.ndarray, generator: np.random.Generator) -> None:
    """Where no row shown happens to move, resamples vary by what so few rows do not show, as in `Cells.loosen`."""
    for cells in families:
        for name in [name for name in cells.measures if name in draws]:
            measure, support = cells.measures[name], cells.measures[name].support(cells.counts)
            for version in versions:
                if np.array_equal(draws[name][:, version], draws[name][:, 0], equal_nan=True):
                    share = generator.beta(1, max(1, support[version]), size=len(draws[name]))
                    draws[name][:, version] += measure.scale * share * generator.choice([-1, 1], size=len(share))


def _families(shown: ShownRows) -> list[Cells]:
    """Every version as a group, whose rows stand behind those of the version before."""
    versions, count = shown.predictions.shape
    numbers, labels = np.repeat(np.arange(versions), count), np.tile(shown.labels, versions)
    probabilities, predictions = shown.probabilities.reshape(versions * count, -1), shown.predictions.ravel()
    confidences = np.take_along_axis(probabilities, predictions[:, None], axis=1)[:, 0]
    return [confusion_cells(numbers, labels, predictions, shown.classes, versions),
            confidence_cells(numbers, confidences, labels == predictions, versions), brier_cells(numbers, probabilities, labels, versions)]
