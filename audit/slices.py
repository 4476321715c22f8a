"""Slices: features, and pairs of them, whose rows a model takes wrongly more often than the others."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import hypergeom, norm

from audit.features import Features
from audit.gaps import adjust
from models.errors import ConfigError, InputError
from models.metrics import Interval

PARTNERS = 50  # features that are looked at in pairs: those with the smallest p-values
SAME = 0.9  # share of rows that two slices have in common, among those of either, from which on they are one


@dataclass(frozen=True)
class Slice:
    """Rows with a feature, or with two, and how they do beside the rest. Rates are 0-100.

    Attributes:
        features: Their names.
        count, errors: Rows, and how many of them are wrong; a group that has no other rows is left out, since nothing can be compared there.
        rate: Share of errors.
        rest_rate: Of the other rows, weighted so that every group counts as much as it does in the slice.
        difference: rate - rest_rate in points, with an interval that allows for the slice having been chosen.
        p_value: Chance of as many errors if they fell on the rows of each group at random; of a pair, the largest of that and the same within each half (0-1).
        q_value: The p-value after Benjamini-Hochberg over all slices tried (0-1).
        score: Errors that the slice has too many, at the lower end of the interval; slices are ranked by it.
    """

    features: tuple[str, ...]
    count: int
    errors: int
    rate: float
    rest_rate: float
    difference: Interval
    p_value: float
    q_value: float
    score: float

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {**asdict(self), "features": list(self.features)}


@dataclass(frozen=True)
class SliceReport:
    """What a search found.

    Attributes:
        slices: The highest score first.
        tried: Slices that were tested, all of which the q-values allow for.
        significant: How many have a q-value below the level, before redundant ones were dropped.
        rows, errors: Searched, and how many of them are wrong.
        level: Of q-values, and the share of intervals that may miss (0-1).
    """

    slices: tuple[Slice, ...]
    tried: int
    significant: int
    rows: int
    errors: int
    level: float

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {**vars(self), "slices": [found.to_json_dict() for found in self.slices]}


@dataclass(frozen=True)
class _Tally:
    """Rows and errors of slices by group (slices, groups)."""

    count: np.ndarray
    errors: np.ndarray

    def take(self, places: np.ndarray) -> _Tally:
        return _Tally(self.count[places], self.errors[places])


def find_slices(
    features: Features, errors: np.ndarray, *, groups: np.ndarray | None = None, minimum: int = 30, most: int = 20, level: float = 0.05, depth: int = 2
) -> SliceReport:
    """The slices that are worse than the rest of their groups.

    Selection is dealt with in three ways. q-values are adjusted over everything tried (Benjamini & Hochberg 1995). Pairs are made of features that were
    chosen by their errors, so a pair must also be worse than the rest of either half, whose errors are given there. Intervals are those of Benjamini &
    Yekutieli (2005): of the intervals of all significant slices at most a share `level` misses, on average.

    Args:
        features: Of every row.
        errors: Whether a row is wrong (rows,).
        groups: Number of the group of each row (rows,), within which rows are compared; negative for rows that are left out. None for one group.
        minimum: Rows of the smallest slice, and of the rest.
        most: Slices that come back at most.
        level: Of q-values and intervals.
        depth: 1 for single features, 2 for pairs as well.

    Raises:
        InputError: Errors or groups are not one for each row, or no row is left.
        ConfigError: A setting is out of range.
    """
    _check(features, errors, groups, minimum, most, level, depth)
    member = np.arange(len(errors)) if groups is None else np.flatnonzero(groups >= 0)
    wrong = errors[member].astype(bool)
    strata = _one_hot(np.zeros(len(member), dtype=np.int64) if groups is None else groups[member])
    matrix = features.values[member].astype(np.int32)
    whole = _tally(csr_matrix(np.ones((len(member), 1), dtype=np.int32)), wrong, strata)
    singles = _tally(matrix, wrong, strata)
    usable = np.flatnonzero(_large_enough(singles, whole, minimum))
    singles = singles.take(usable)
    p_values, tally = excess_p_values(singles, whole), singles
    names: list[tuple[int, ...]] = [(place,) for place in usable.tolist()]
    if depth == 2:
        pairs, halves, pair_tally = _pairs(matrix[:, usable], wrong, strata, singles, whole, p_values, minimum)
        names += [(int(usable[one]), int(usable[other])) for one, other in pairs]
        p_values = np.concatenate([p_values, halves])
        tally = _Tally(np.concatenate([tally.count, pair_tally.count]), np.concatenate([tally.errors, pair_tally.errors]))
    q_values = np.array(adjust(p_values.tolist()))
    chosen = np.flatnonzero(q_values < level)
    z = float(norm.isf(level * len(chosen) / max(1, len(names)) / 2)) if len(chosen) else 0.0
    found = [_describe(tally, whole, number, tuple(features.names[place] for place in names[number]), z, p_values[number], q_values[number])
             for number in chosen.tolist()]
    kept = _distinct(sorted(found, key=lambda item: (-item.score, item.features)), features.take(member), most)
    return SliceReport(tuple(kept), len(names), len(chosen), len(member), int(wrong.sum()), level)


def excess_p_values(part: _Tally, whole: _Tally) -> np.ndarray:
    """Chance of as many errors in each slice or more if those of each group fell on its rows at random (slices,), 0-1.

    Exact (hypergeometric) for a slice of one group; of several the sum is taken for normal, with a correction for continuity (Mantel & Haenszel 1959).
    """
    rest = whole.count - part.count
    there = (part.count > 0) & (rest > 0)
    count, errors = np.where(there, part.count, 0), np.where(there, part.errors, 0).sum(1)
    size = np.maximum(whole.count, 1)
    expected = (count * whole.errors / size).sum(1)
    variance = (count * (whole.errors / size) * (1 - whole.errors / size) * (whole.count - count) / np.maximum(whole.count - 1, 1)).sum(1)
    p_values = norm.sf((errors - 0.5 - expected) / np.sqrt(np.maximum(variance, 1e-12)))
    for number in np.flatnonzero(there.sum(1) == 1):
        group = int(there[number].argmax())
        p_values[number] = hypergeom.sf(errors[number] - 1, *(int(np.broadcast_to(values, part.count.shape)[number, group])
                                                              for values in (whole.count, whole.errors)), count[number, group])
    return np.asarray(p_values)


def _check(features: Features, errors: np.ndarray, groups: np.ndarray | None, minimum: int, most: int, level: float, depth: int) -> None:
    rows = features.values.shape[0]
    if errors.shape != (rows,) or (groups is not None and groups.shape != (rows,)):
        shape = None if groups is None else groups.shape
        raise InputError(f"There are features of {rows} rows, errors {errors.shape} and groups {shape}; give one for each row.")
    if groups is not None and not (groups >= 0).any():
        raise InputError("No row belongs to a group; give a number of 0 or more to those that are to be searched.")
    if minimum < 1 or most < 1 or not 0 < level < 1 or depth not in (1, 2):
        raise ConfigError(f"Slices of {minimum} or more rows, {most} at most, level {level} and depth {depth} were asked for; expected 1 or more rows and "
                          "slices, a level between 0 and 1, and a depth of 1 or 2.")


def _one_hot(groups: np.ndarray) -> csr_matrix:
    return csr_matrix((np.ones(len(groups), dtype=np.int32), (np.arange(len(groups)), groups)), shape=(len(groups), int(groups.max()) + 1))


def _tally(matrix: csr_matrix, wrong: np.ndarray, strata: csr_matrix) -> _Tally:
    return _Tally((matrix.T @ strata).toarray(), (matrix[wrong].T @ strata[wrong]).toarray())


def _large_enough(part: _Tally, whole: _Tally, minimum: int) -> np.ndarray:
    """Whether a slice and its rest, in the groups that have both, have the smallest size (slices,)."""
    rest = whole.count - part.count
    there = (part.count > 0) & (rest > 0)
    return np.asarray((np.where(there, part.count, 0).sum(1) >= minimum) & (np.where(there, rest, 0).sum(1) >= minimum))


def _pairs(
    matrix: csr_matrix, wrong: np.ndarray, strata: csr_matrix, singles: _Tally, whole: _Tally, p_values: np.ndarray, minimum: int
) -> tuple[list[tuple[int, int]], np.ndarray, _Tally]:
    """Pairs of the features with the smallest p-values, their own p-values and tallies."""
    best = np.sort(np.argsort(p_values, kind="stable")[:PARTNERS])
    pairs = list(combinations(best.tolist(), 2))
    if not pairs:
        return [], np.zeros(0), _Tally(*(np.zeros((0, whole.count.shape[1]), dtype=np.int64) for _ in range(2)))
    one, other = (np.array(side) for side in zip(*pairs, strict=True))
    tally = _tally(csr_matrix(matrix[:, one].multiply(matrix[:, other])), wrong, strata)
    kept = np.flatnonzero(_large_enough(tally, whole, minimum) & _large_enough(tally, singles.take(one), 1) & _large_enough(tally, singles.take(other), 1))
    tally = tally.take(kept)
    chances = [excess_p_values(tally, around) for around in (whole, singles.take(one[kept]), singles.take(other[kept]))]
    return [pairs[number] for number in kept.tolist()], np.max(chances, axis=0) if len(kept) else np.zeros(0), tally


def _describe(tally: _Tally, whole: _Tally, number: int, names: tuple[str, ...], z: float, p_value: float, q_value: float) -> Slice:
    """One slice with the interval of Newcombe (1998), made of the Wilson intervals of both rates."""
    count, errors = tally.count[number], tally.errors[number]
    rest, rest_errors = whole.count[0] - count, whole.errors[0] - errors
    there = (count > 0) & (rest > 0)
    own, wrong = int(count[there].sum()), int(errors[there].sum())
    weights = count[there] / own
    rest_rate = float((weights * rest_errors[there] / rest[there]).sum())
    effective = 1 / float((weights**2 / rest[there]).sum())  # rows of a simple sample that would be as sure
    rate = wrong / own
    (low, high), (rest_low, rest_high) = _wilson(rate, own, z), _wilson(rest_rate, effective, z)
    difference = rate - rest_rate
    low, high = difference - np.hypot(rate - low, rest_high - rest_rate), difference + np.hypot(high - rate, rest_rate - rest_low)
    ends = Interval(100 * difference, 100 * float(low), 100 * float(high))
    return Slice(names, own, wrong, 100 * rate, 100 * rest_rate, ends, float(p_value), float(q_value), own * float(low))


def _wilson(rate: float, count: float, z: float) -> tuple[float, float]:
    middle, width = rate + z**2 / (2 * count), z * np.sqrt(rate * (1 - rate) / count + z**2 / (4 * count**2))
    return float((middle - width) / (1 + z**2 / count)), float((middle + width) / (1 + z**2 / count))


def _distinct(found: list[Slice], features: Features, most: int) -> list[Slice]:
    """The best, without those whose rows are nearly those of a better one."""
    kept: list[Slice] = []
    members: list[np.ndarray] = []
    for part in found:
        rows = features.rows_with(part.features)
        if all((rows & other).sum() < SAME * (rows | other).sum() for other in members):
            kept.append(part)
            members.append(rows)
        if len(kept) == most:
            break
    return kept
