"""Differences of the faithfulness of explanations between cultures, as they are and at equal lengths, and between methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import norm, t

from audit.gaps import LEVEL, Gap, Measured, PairDifference, find_gaps, pair_differences
from audit.measures import Measure, tabulate
from audit.standardise import LENGTH_BINS
from models.metrics import resample

BUDGET = 5.0  # percentiles: largest difference of two cultures that counts as none
MINIMUM = 20  # rows of the smallest culture compared
HIGHEST = 100


def length_bins(words: np.ndarray) -> np.ndarray:
    """Number of the fifth that each row is in by its words (rows,); rows with as many words are in one."""
    edges = np.unique(np.quantile(words, np.linspace(0, 1, LENGTH_BINS + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, words, side="right"), return_inverse=True)[1]


def culture_gaps(
    values: Mapping[str, np.ndarray], groups: np.ndarray, names: Sequence[str], bins: np.ndarray, *, resamples: int, seed: int
) -> tuple[dict[str, Gap], dict[str, Gap]]:
    """The gap between the best and the worst culture by method, and the same at equal lengths; each kind is adjusted over the methods.

    At equal lengths the rows of a culture within a bin of lengths are weighted by the share that the bin has of all rows (direct standardisation, Rothman,
    Greenland & Lash 2008, chapter 15); bins that some culture lacks are left out. Where no bin is in all, there are no such gaps.

    Args:
        values: Percentile of each row, by method (rows,), 0-100.
        groups: Number of the culture of each row (rows,).
        names: Of the cultures.
        bins: Number of the bin of length of each row (rows,), from 0.
        resamples: Bootstrap resamples of the rows within each culture.
        seed: Of the resamples.
    """
    sizes = np.bincount(groups, minlength=len(names))
    kept = np.flatnonzero(sizes >= MINIMUM)
    if len(kept) < 2:
        return {}, {}
    chosen = np.isin(groups, kept)
    places, strata = np.searchsorted(kept, groups[chosen]), np.eye(bins.max() + 1)[bins[chosen]]
    present = np.stack([strata[places == number].any(0) for number in range(len(kept))])
    weights = strata.mean(0) * present.all(0)
    measures = {"whole": Measure(lambda counts, means: _weighted(counts, means, np.ones((len(places), 1)), np.ones(1)), HIGHEST, True)}
    if weights.any():
        measures["even"] = Measure(lambda counts, means: _weighted(counts, means, strata, weights), HIGHEST, True)
    found: dict[str, dict[str, Measured]] = {"whole": {}, "even": {}}
    for method, own in values.items():
        cells = tabulate(places, np.arange(len(places)), len(kept), len(places), measures, own[chosen])
        draws = cells.draws(resamples=resamples, seed=seed)
        for kind, seen in cells.values().items():
            found[kind][method] = Measured([names[number] for number in kept.tolist()], seen, _expanded(seen, draws[kind], sizes[kept]), True, BUDGET)
    return find_gaps(found["whole"]), find_gaps(found["even"])


def method_pairs(values: Mapping[str, np.ndarray], *, resamples: int, seed: int) -> list[PairDifference]:
    """Every pair of methods once, first minus second, on the same rows.

    Args:
        values: Percentile of each row, by method (rows,), 0-100.
        resamples: Bootstrap resamples of the rows, the same for all methods.
        seed: Of the resamples.
    """
    table = np.stack(list(values.values()), axis=1)
    draws = resample(np.ones(len(table), dtype=np.int64), resamples=resamples, seed=seed) @ table / len(table)
    sizes = np.full(table.shape[1], len(table))
    return pair_differences(Measured(list(values), table.mean(0), _expanded(table.mean(0), draws, sizes), True, BUDGET))


def _weighted(counts: np.ndarray, means: np.ndarray, strata: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over strata of the mean of their rows, by their weights (...,), NaN without rows; a missing stratum gives its weight to the others.

    Args:
        counts, means: Of each row (..., rows).
        strata: 1 where a row is in a stratum (rows, strata).
        weights: Of the strata (strata,).
    """
    totals, sums = counts @ strata, (counts * means) @ strata
    present = np.where(totals > 0, weights, 0.0)
    weight = present.sum(-1)
    return np.asarray(np.divide((present * sums / np.maximum(totals, 1)).sum(-1), weight, out=np.full(np.shape(weight), np.nan), where=weight > 0))


def _expanded(values: np.ndarray, draws: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Draws (resamples, groups) as far from the values as the expanded percentile interval wants (see `audit.mean_intervals`): few rows vary too little."""
    upper = (1 + LEVEL) / 2
    return np.asarray(values + (draws - values) * t.ppf(upper, sizes - 1) / norm.ppf(upper) * np.sqrt(sizes / (sizes - 1)))
