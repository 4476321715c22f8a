"""The gap between the best and the worst group: how large, how sure, and what may be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control, norm

from models.errors import InputError
from models.metrics import Interval, interval

VERDICTS = ("gap", "no gap", "cannot tell")
LEVEL = 0.95
POWER = 0.8  # chance of seeing a gap as large as `minimum_detectable`
HALVINGS = 24  # of the bracket around an end of the interval: below a millionth of the gap


@dataclass(frozen=True)
class Gap:
    """Difference between the best and the worst group by one metric, in the unit of the metric.

    Attributes:
        best, worst: Names of the two groups.
        value, low, high: Their difference (0 or more) and its 95 % interval, which allows for the two having been chosen by their values.
        ratio: Value of the worst divided by that of the best, with the interval of this pair; None where the best is 0.
        p_value: Chance of a range of the groups as large as this if all were equal (0-1).
        q_value: The p-value after Benjamini-Hochberg over the metrics shown (0-1).
        minimum_detectable: Difference of two groups of these sizes that would be found with 80 % power.
        budget: Largest difference that counts as none.
        verdict: One of VERDICTS.
    """

    best: str
    worst: str
    value: float
    low: float
    high: float
    ratio: Interval | None
    p_value: float
    q_value: float
    minimum_detectable: float
    budget: float
    verdict: str

    def __post_init__(self) -> None:
        """Raises InputError for a verdict or interval that cannot be."""
        if self.verdict not in VERDICTS or not self.low <= self.high:
            raise InputError(f"A gap has the verdict {self.verdict!r} and the interval [{self.low}, {self.high}], expected one of {VERDICTS} and low <= high.")

    @property
    def exceeds_budget(self) -> bool:
        """Whether the gap is proven larger than the budget: its whole interval lies above."""
        return self.low > self.budget

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {**vars(self), "ratio": None if self.ratio is None else vars(self.ratio), "exceeds_budget": self.exceeds_budget}


@dataclass(frozen=True)
class Measured:
    """One metric in every group.

    Attributes:
        groups: Their names (groups,).
        values: The metric of each (groups,), NaN where it has none.
        draws: The metric in every bootstrap resample (resamples, groups); a row of a parallel set is one draw of the same items in all groups.
        higher_is_better: Which end is the best.
        budget: Largest difference that counts as none, in the unit of the metric.
    """

    groups: Sequence[str]
    values: np.ndarray
    draws: np.ndarray
    higher_is_better: bool
    budget: float

    def __post_init__(self) -> None:
        """Raises InputError for shapes that do not fit."""
        if self.values.shape != (len(self.groups),) or self.draws.shape[1:] != self.values.shape:
            raise InputError(f"{len(self.groups)} groups have values {self.values.shape} and draws {self.draws.shape}, expected one value and "
                             "one column of draws for each.")

    def known(self) -> Measured:
        """Only the groups that have a value, and one in every resample."""
        kept = np.isfinite(self.values) & np.isfinite(self.draws).all(0)
        names = [name for name, keep in zip(self.groups, kept, strict=True) if keep]
        return Measured(names, self.values[kept], self.draws[:, kept], self.higher_is_better, self.budget)


def find_gaps(measured: dict[str, Measured]) -> dict[str, Gap]:
    """The gap of each metric, its p-values adjusted together; metrics with fewer than two groups are left out."""
    known = {name: metric.known() for name, metric in measured.items()}
    known = {name: metric for name, metric in known.items() if len(metric.groups) > 1}
    p_values = {name: range_p_value(metric.values, metric.draws) for name, metric in known.items()}
    q_values = dict(zip(known, adjust(list(p_values.values())), strict=True))
    return {name: _gap(metric, p_values[name], q_values[name]) for name, metric in known.items()}


def adjust(p_values: Sequence[float]) -> list[float]:
    """q-values of Benjamini & Hochberg (1995), in the order given."""
    return [float(value) for value in false_discovery_control(p_values)] if len(p_values) else []


def range_p_value(values: np.ndarray, draws: np.ndarray) -> float:
    """Chance of a range of the groups as large as this if all had one value (0-1).

    The deviations of the resamples from the values stand for the noise of the groups.

    Args:
        values: (groups,).
        draws: (resamples, groups).
    """
    return float((1 + (np.ptp(draws - values, axis=1) >= np.ptp(values)).sum()) / (1 + len(draws)))


def range_low(values: np.ndarray, draws: np.ndarray, *, level: float = LEVEL) -> float:
    """Lower end of the interval of best minus worst, with both chosen by their values.

    The largest of noisy values is too large. So the lower end is where a test turns (Efron & Tibshirani 1993, section 12.3): the groups are drawn
    together by a factor until resamples around them show a range as large as the one seen in (1 - level) / 2 of the cases only.

    Args:
        values: (groups,).
        draws: (resamples, groups).
        level: Of the two-sided interval (0-1).
    """
    noise, spread, seen = draws - values, values - values.mean(), np.ptp(values)

    def as_large(factor: float) -> float:
        return float((np.ptp(factor * spread + noise, axis=1) >= seen).mean())

    if seen == 0 or as_large(0.0) > (1 - level) / 2:
        return 0.0
    low, high = 0.0, 1.0
    while as_large(high) <= (1 - level) / 2:  # the noise draws the groups together: F1 of small groups is too small
        high *= 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if as_large(middle) <= (1 - level) / 2 else (low, middle)
    return float(low * seen)


def _gap(metric: Measured, p_value: float, q_value: float) -> Gap:
    order = np.argsort(metric.values, kind="stable")  # not argmax and argmin, which are one group where all are equal
    top, bottom = int(order[-1]), int(order[0])
    best, worst = (top, bottom) if metric.higher_is_better else (bottom, top)
    value = float(metric.values[top] - metric.values[bottom])
    difference = metric.draws[:, top] - metric.draws[:, bottom]
    pair = interval(value, difference, level=LEVEL)
    low = max(0.0, min(range_low(metric.values, metric.draws), pair.low, value))  # a value at an end of its scale has noise on one side only
    high = max(pair.high, value)
    detectable = float((norm.ppf((1 + LEVEL) / 2) + norm.ppf(POWER)) * difference.std(ddof=1))
    verdict = "no gap" if high <= metric.budget else "gap" if q_value < 1 - LEVEL and low > 0 else "cannot tell"
    return Gap(metric.groups[best], metric.groups[worst], value, low, high, _ratio(metric, worst, best), p_value, q_value, detectable, metric.budget, verdict)


def _ratio(metric: Measured, worst: int, best: int) -> Interval | None:
    if metric.values[best] <= 0 or (metric.draws[:, best] <= 0).any():
        return None
    return interval(float(metric.values[worst] / metric.values[best]), metric.draws[:, worst] / metric.draws[:, best])


@dataclass(frozen=True)
class PairDifference:
    """Difference of two groups by one metric, in its unit.

    Attributes:
        first, second: Names of the groups; the value is first minus second.
        difference: With the percentile interval of this pair.
        p_value, q_value: Two-sided, of no difference (0-1); adjusted over all pairs.
    """

    first: str
    second: str
    difference: Interval
    p_value: float
    q_value: float


def pair_differences(metric: Measured) -> list[PairDifference]:
    """Every pair of groups once, in the order of the groups."""
    metric = metric.known()
    pairs = [(i, j) for i in range(len(metric.groups)) for j in range(i + 1, len(metric.groups))]
    found, p_values = [], []
    for i, j in pairs:
        value, draws = float(metric.values[i] - metric.values[j]), metric.draws[:, i] - metric.draws[:, j]
        found.append(interval(value, draws, level=LEVEL))
        p_values.append(float((1 + (np.abs(draws - value) >= abs(value)).sum()) / (1 + len(draws))))
    return [PairDifference(metric.groups[i], metric.groups[j], difference, p_value, q_value)
            for (i, j), difference, p_value, q_value in zip(pairs, found, p_values, adjust(p_values), strict=True)]
