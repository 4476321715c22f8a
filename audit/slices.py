"""Slices: features, and pairs of them, whose rows a model takes wrongly more often than the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import binom, hypergeom, norm

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

    def take(self, places: np.ndarray | int | slice) -> _Tally:
        return _Tally(self.count[places], self.errors[places])


@dataclass(frozen=True)
class _Tried:
    """Slices that were tested: places of their features, counts, p-values (slices,)."""

    names: list[tuple[int, ...]]
    tally: _Tally
    p_values: np.ndarray

    def join(self, other: _Tried) -> _Tried:
        tally = _Tally(np.concatenate([self.tally.count, other.tally.count]), np.concatenate([self.tally.errors, other.tally.errors]))
        return _Tried(self.names + other.names, tally, np.concatenate([self.p_values, other.p_values]))


@dataclass(frozen=True)
class _Rows:
    """Features (rows, features), errors (rows,) and the group of each row as a column (rows, groups)."""

    values: csr_matrix
    wrong: np.ndarray
    strata: csr_matrix

    def tally(self) -> _Tally:
        """Of every feature."""
        return _Tally((self.values.T @ self.strata).toarray(), (self.values[self.wrong].T @ self.strata[self.wrong]).toarray())

    def whole(self) -> _Tally:
        """Of all rows, as one slice."""
        return _Tally(np.asarray(self.strata.sum(0)).reshape(1, -1), np.asarray(self.strata[self.wrong].sum(0)).reshape(1, -1))

    def within(self, place: int, others: np.ndarray) -> _Rows:
        """Only the rows with one feature, and some of the others."""
        rows = self.values[:, [place]].nonzero()[0]
        return _Rows(self.values[rows][:, others], self.wrong[rows], self.strata[rows])


def find_slices(
    features: Features, errors: np.ndarray, *, groups: np.ndarray | None = None, minimum: int = 30, most: int = 20, level: float = 0.05, depth: int = 2
) -> SliceReport:
    """The slices that are worse than the rest of their groups.

    Selection is dealt with in three ways. q-values are adjusted over everything tried (Benjamini & Hochberg 1995). Pairs are made of features that were
    chosen by their errors, so a pair must also be worse than the rest of either half. Intervals are those of Benjamini & Yekutieli (2005): of the intervals
    of all significant slices a share of `level` misses at most, on average.

    Args:
        features: Of every row.
        errors: Whether a row is wrong (rows,).
        groups: Number of the group of each row (rows,), within which rows are compared; negative for rows that are left out. None for one group.
        minimum: Rows of the smallest slice, and of the rest.
        most: Slices that come back at most.
        level: Of q-values and intervals (0-1).
        depth: 1 for single features, 2 for pairs as well.

    Raises:
        InputError: Errors or groups are not one for each row, or no row is left.
        ConfigError: A setting is out of range.
    """
    if minimum < 1 or most < 1 or not 0 < level < 1 or depth not in (1, 2):
        raise ConfigError(f"Slices have {minimum} rows or more, {most} come back, at the level {level} and depth {depth}; expected at least 1 of the first "
                          "two, a level between 0 and 1, and the depth 1 or 2.")
    member, rows = _measured(features, errors, np.zeros(len(errors), dtype=np.int64) if groups is None else groups)
    whole = rows.whole()
    tried = _try_singles(rows, whole, minimum)
    if depth == 2:
        tried = tried.join(_try_pairs(rows, whole, tried, minimum))
    q_values = np.array(adjust(tried.p_values.tolist()))
    chosen = np.flatnonzero(q_values < level)
    z = float(norm.isf(level * len(chosen) / max(1, len(tried.names)) / 2))
    found = [_describe(tuple(features.names[place] for place in tried.names[number]), tried.tally.take(number), whole.take(0), z,
                       float(tried.p_values[number]), float(q_values[number])) for number in chosen.tolist()]
    ranked = sorted(found, key=lambda item: (-item.score, item.features))
    kept = _distinct(ranked, features.take(member), most)
    return SliceReport(tuple(kept), len(tried.names), len(chosen), len(member), int(rows.wrong.sum()), level)


def excess_p_values(count: np.ndarray, errors: np.ndarray, total: np.ndarray, total_errors: np.ndarray) -> np.ndarray:
    """Chance of so many errors or more in each slice if the errors of each group fell on its rows at random (slices,).

    Of one group it is that of the hypergeometric distribution. Of several it is a bound that no exact value is above: a hypergeometric count is a sum of
    independent trials (Vatutin & Mikhailov 1982), and a sum of those has no heavier tails than the binomial of as many trials with their mean chance
    (Hoeffding 1956). It holds from one above the mean on; below, 1 is told.

    Args:
        count, errors: Of each slice in each group (slices, groups).
        total, total_errors: Of all rows that the slice is a part of (1 or slices, groups).
    """
    if count.shape[1] == 1:
        return np.asarray(hypergeom.sf(errors[:, 0] - 1, total[:, 0], total_errors[:, 0], count[:, 0]))
    certain = np.maximum(0, count + total_errors - total)
    trials = (np.minimum(count, total_errors) - certain).sum(1)
    mean = (count * total_errors / np.maximum(total, 1) - certain).sum(1).clip(0, trials)
    seen = (errors - certain).sum(1)
    return np.where(seen >= mean + 1, binom.sf(seen - 1, trials, mean / np.maximum(trials, 1)), 1.0)


def difference_interval(rate: float, size: float, rest_rate: float, rest_size: float, z: float) -> Interval:
    """Difference of two shares (-1 to 1) by method 10 of Newcombe (1998), from the score intervals of Wilson (1927) of both.

    Args:
        rate, rest_rate: The shares (0-1).
        size, rest_size: Rows of each.
        z: Quantile of the normal distribution that sets the level.
    """
    (low, high), (rest_low, rest_high) = _wilson(rate, size, z), _wilson(rest_rate, rest_size, z)
    value = rate - rest_rate
    return Interval(value, value - float(np.hypot(rate - low, rest_high - rest_rate)), value + float(np.hypot(high - rate, rest_rate - rest_low)))


def _measured(features: Features, errors: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, _Rows]:
    rows = features.values.shape[0]
    if errors.shape != (rows,) or groups.shape != (rows,):
        raise InputError(f"There are errors {errors.shape} and groups {groups.shape} of {rows} rows with features; give one of each for every row.")
    member = np.flatnonzero(groups >= 0)
    if not len(member):
        raise InputError(f"None of the {rows} rows is in a group, expected one or more; give a number of 0 or more to those that are searched.")
    codes = np.unique(groups[member], return_inverse=True)[1]
    strata = csr_matrix((np.ones(len(member), dtype=np.int32), (np.arange(len(member)), codes)))
    return member, _Rows(features.values[member].astype(np.int32), errors[member].astype(bool), strata)


def _try_singles(rows: _Rows, whole: _Tally, minimum: int) -> _Tried:
    tally = rows.tally()
    places = np.flatnonzero(_is_large_enough(tally, whole, minimum))
    tally = tally.take(places)
    return _Tried([(place,) for place in places.tolist()], tally, excess_p_values(tally.count, tally.errors, whole.count, whole.errors))


def _try_pairs(rows: _Rows, whole: _Tally, singles: _Tried, minimum: int) -> _Tried:
    """Pairs of the PARTNERS best features, each with the largest of its three p-values."""
    best = np.argsort(singles.p_values, kind="stable")[:PARTNERS]
    columns, halves = np.array([singles.names[place][0] for place in best], dtype=np.int64), singles.tally.take(best)
    found = _Tried([], halves.take(slice(0)), np.zeros(0))
    for one in range(len(best) - 1):
        others = np.arange(one + 1, len(best))
        tally = rows.within(int(columns[one]), columns[others]).tally()
        large = np.flatnonzero(_is_large_enough(tally, whole, minimum))
        tally, others = tally.take(large), others[large]
        against = [whole, halves.take(slice(one, one + 1)), halves.take(others)]
        p_values = [excess_p_values(tally.count, tally.errors, part.count, part.errors) for part in against]
        found = found.join(_Tried([(int(columns[one]), int(columns[other])) for other in others], tally, np.max(p_values, axis=0)))
    return found


def _is_large_enough(tally: _Tally, whole: _Tally, minimum: int) -> np.ndarray:
    """Whether slices have enough rows in groups that have others as well, and the rest there too (slices,)."""
    rest = whole.count - tally.count
    return np.asarray((np.where(rest > 0, tally.count, 0).sum(1) >= minimum) & (np.where(tally.count > 0, rest, 0).sum(1) >= minimum))


def _describe(names: tuple[str, ...], own: _Tally, whole: _Tally, z: float, p_value: float, q_value: float) -> Slice:
    rest = whole.count - own.count
    common = (own.count > 0) & (rest > 0)
    count, errors, rest = own.count[common], own.errors[common], rest[common]
    weights, total = count / count.sum(), int(count.sum())
    rate, rest_rate = errors.sum() / total, float(weights @ ((whole.errors[common] - errors) / rest))
    rest_size = 1 / (weights**2 / rest).sum()  # rows that tell as much as weighted ones do (Kish 1965, section 11.7)
    points = {name: 100 * value for name, value in vars(difference_interval(float(rate), total, rest_rate, float(rest_size), z)).items()}
    return Slice(names, total, int(errors.sum()), 100 * float(rate), 100 * rest_rate, Interval(**points), p_value, q_value, total * points["low"] / 100)


def _distinct(ranked: Sequence[Slice], features: Features, most: int) -> list[Slice]:
    """The first ones, without those whose rows are nearly the same as those of a better one."""
    kept: list[Slice] = []
    members: list[np.ndarray] = []
    for item in ranked:
        member = features.rows_with(item.features)
        if all((member & other).sum() < SAME * (member | other).sum() for other in members):
            kept.append(item)
            members.append(member)
        if len(kept) == most:
            break
    return kept


def _wilson(rate: float, size: float, z: float) -> tuple[float, float]:
    centre, spread = rate + z**2 / (2 * size), z * float(np.sqrt(rate * (1 - rate) / size + z**2 / (4 * size**2)))
    return (centre - spread) / (1 + z**2 / size), (centre + spread) / (1 + z**2 / size)
