"""Adjusted metrics: what each group would score with the class mix and the lengths of all groups together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from audit.measures import Cells, Measure, Values, tabulate
from models.errors import InputError
from models.metrics import accuracy, flip_rate, macro_f1

LENGTH_BINS = 5


@dataclass(frozen=True)
class Standardised:
    """Adjusted metrics of groups.

    Attributes:
        cells: Rows by group, gold class, length and prediction, with macro_f1, accuracy and, of three classes, flip_rate.
        covered: Share of all rows that lie in strata which every group has (0-1); the others cannot be compared and are left out.
        edges: Lengths at which a new bin begins.
    """

    cells: Cells
    covered: float
    edges: tuple[float, ...]


def standardise(
    groups: np.ndarray, labels: np.ndarray, predictions: np.ndarray, lengths: np.ndarray, classes: Sequence[str], group_count: int, *,
    bins: int = LENGTH_BINS,
) -> Standardised:
    """Direct standardisation (Rothman, Greenland & Lash 2008, chapter 15) over gold class and bins of length.

    A group's predictions within a stratum are weighted by the share that stratum has among the rows of all groups.

    Args:
        groups: Number of the group of each row (rows,); rows with a negative one belong to none.
        labels: Number of the gold class of each row (rows,).
        predictions: Number of the predicted class of each row (rows,).
        lengths: Of each text (rows,), in any unit.
        classes: Names; of three, the first is negative and the last positive.
        group_count: Groups there are.
        bins: Of length, with about equally many rows in each.

    Raises:
        InputError: No stratum is in all groups.
    """
    size, member = len(classes), groups >= 0
    edges = np.unique(np.quantile(lengths[member], np.linspace(0, 1, bins + 1)[1:-1]))
    strata = labels.astype(np.int64) * (len(edges) + 1) + np.searchsorted(edges, lengths, side="right")
    stratum_count = size * (len(edges) + 1)
    cells = tabulate(groups, strata * size + predictions, group_count, stratum_count * size, {})
    by_stratum = cells.counts.reshape(group_count, stratum_count, size).sum(-1)
    common = (by_stratum > 0).all(0)
    if not common.any():
        raise InputError("No class and length is found in every group, so nothing can be compared on equal terms; leave small groups out.")
    pooled = by_stratum.sum(0)
    weights = np.where(common, pooled, 0) / pooled[common].sum()

    def adjusted(metric: Callable[[np.ndarray], np.ndarray]) -> Values:
        return lambda counts, means: np.asarray(metric(_expected_confusion(counts, weights, size)), dtype=float)

    metrics = {"macro_f1": (macro_f1, True), "accuracy": (accuracy, True), **({"flip_rate": (flip_rate, False)} if size == 3 else {})}
    measures = {name: Measure(adjusted(metric), 100, better) for name, (metric, better) in metrics.items()}
    return Standardised(Cells(cells.counts, cells.means, cells.rows, measures), float(pooled[common].sum() / pooled.sum()), tuple(edges.tolist()))


def _expected_confusion(counts: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """Per mille of rows by gold and predicted class (..., gold, predicted) if the strata had these weights.

    A stratum that is missing in a resample gives its weight to the others.
    """
    by_stratum = counts.reshape(*counts.shape[:-1], len(weights), size)
    totals = by_stratum.sum(-1, keepdims=True)
    present = np.where(totals[..., 0] > 0, weights, 0.0)
    present = 1_000 * present / np.maximum(present.sum(-1, keepdims=True), 1e-12)
    expected = present[..., None] * by_stratum / np.maximum(totals, 1)
    return np.asarray(expected.reshape(*expected.shape[:-2], size, -1, size).sum(-2))
