"""Intervals of means of few values, and of the ratio of two means over the same rows."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, t

from models.metrics import RESAMPLES, Interval, interval, resample

LEVEL = 0.95


def mean_interval(values: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 1) -> Interval:
    """Mean of values (values,), two or more, with its 95 % interval from resamples of them.

    Percentiles are those of the expanded percentile interval (Hesterberg 2015, section 5.3), because plain ones are too narrow for few values: as far out in
    the normal distribution as the quantile of t with its n - 1 degrees of freedom, times the square root of n / (n - 1).
    With fewer than five values no percentile is far enough out.
    """
    count = len(values)
    draws = resample(np.ones(count, dtype=np.int64), resamples=resamples, seed=seed) @ values / count
    return interval(float(values.mean()), draws, level=_expanded_level(count))


def ratio_interval(above: np.ndarray, below: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 1) -> Interval:
    """Mean of values (rows,) divided by the mean of others of the same rows, with its 95 % interval from resamples of the rows.

    Percentiles are those of `mean_interval`. Resamples in which nothing is below are left out.
    """
    counts = resample(np.ones(len(below), dtype=np.int64), resamples=resamples, seed=seed)
    held = counts @ below > 0
    draws = (counts[held] @ above) / (counts[held] @ below)
    return interval(float(above.mean() / below.mean()), draws, level=_expanded_level(len(below)))


def _expanded_level(count: int) -> float:
    beyond = norm.sf(t.isf((1 - LEVEL) / 2, count - 1) * np.sqrt(count / (count - 1)))
    return float(1 - 2 * beyond)
