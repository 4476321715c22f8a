"""What two cheap repairs of a model's probabilities would change in each culture: a temperature, and a bias for each class.

Each is fitted on one half of a culture's rows and shown on the other half, so that nothing is praised for the rows it was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from audit.columns import MeasuredRows
from audit.gaps import Gap, Measured, find_gaps
from audit.recalibration import Fit, fit_biases, fit_temperature, halve_rows
from audit.repaired_rows import Drawn, ShownRows, measure_all
from audit.report import BUDGET_SHARE
from models.errors import ConfigError, InputError
from models.metrics import RESAMPLES, Interval, interval

KINDS = ("temperature", "biases")
SCOPES = ("own", "shared")  # one fit for each culture, or one for all
MOST_ROWS = 4_000  # of a culture, both halves together; of more, so many are drawn by lot


@dataclass(frozen=True)
class Change:
    """A metric of the same rows before and after a repair, and its change with the interval of rows drawn with replacement."""

    before: float
    after: float
    change: Interval


@dataclass(frozen=True)
class RepairedGroup:
    """One culture, on the rows that were not fitted on.

    Attributes:
        group: Its name.
        count: Rows shown.
        mended, broken: Rows that become right, and that become wrong.
        metrics: Those of `repaired_rows.MEASURED` and the recall of each class; what cannot be measured here is absent.
        fit: What was applied; None for all cultures together where each has its own.
    """

    group: str
    count: int
    mended: int
    broken: int
    metrics: dict[str, Change]
    fit: Fit | None

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"culture": self.group, **{name: value for name, value in asdict(self).items() if name != "group"}}


@dataclass(frozen=True)
class GapChange:
    """Best minus worst culture by one metric before and after, and the change of that difference with its interval."""

    before: Gap
    after: Gap
    change: Interval

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"before": self.before.to_json_dict(), "after": self.after.to_json_dict(), "change": asdict(self.change)}


@dataclass(frozen=True)
class Repair:
    """One kind of repair.

    Attributes:
        kind: One of KINDS.
        scope: One of SCOPES.
        overall: All cultures together.
        by_culture: Each culture, sorted by name.
        gaps: By metric; none where there is one culture only.
    """

    kind: str
    scope: str
    overall: RepairedGroup
    by_culture: tuple[RepairedGroup, ...]
    gaps: dict[str, GapChange]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"kind": self.kind, "scope": self.scope, "overall": self.overall.to_json_dict(),
                "by_culture": [group.to_json_dict() for group in self.by_culture], "gaps": {name: gap.to_json_dict() for name, gap in self.gaps.items()}}


@dataclass(frozen=True)
class RepairPreview:
    """What repairs would change.

    Attributes:
        repairs: Every kind with every scope.
        small: Cultures that were not repaired for having too few rows, with their rows.
        sampled: Cultures of which only MOST_ROWS rows were drawn by lot, with the rows they have.
        seed, resamples: Of the lots and of the intervals.
    """

    repairs: tuple[Repair, ...]
    small: dict[str, int]
    sampled: dict[str, int]
    seed: int
    resamples: int

    def repair(self, kind: str, scope: str) -> Repair:
        """One of the repairs.

        Raises:
            InputError: There is no such kind or scope.
        """
        for repair in self.repairs:
            if (repair.kind, repair.scope) == (kind, scope):
                return repair
        raise InputError(f"There is no repair by {kind!r} with the scope {scope!r}; kinds are {', '.join(KINDS)}, scopes {', '.join(SCOPES)}.")

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {**vars(self), "repairs": [repair.to_json_dict() for repair in self.repairs]}


def preview_repair(
    rows: MeasuredRows, *, seed: int = 1, resamples: int = RESAMPLES, minimum_group: int = 60, most_rows: int = MOST_ROWS,
) -> RepairPreview:
    """Fits every repair on one half of each culture's rows and measures it on the other.

    A temperature leaves the predictions as they are. Biases predict the class of the highest repaired probability. The ece of few rows is too large by
    chance, most so after a repair, so that its change is understated; brier is not. All cultures together have the shares that they have in the table,
    and the rows of each are drawn by themselves.

    Args:
        rows: With probabilities.
        seed: Of the lots and of the resamples.
        resamples: Of the rows of a culture.
        minimum_group: Rows of the smallest culture that is repaired, both halves together.
        most_rows: Rows of a culture that are looked at, both halves together.

    Raises:
        InputError: The rows have no probabilities, or no culture is large enough.
        ConfigError: A culture of the smallest size has no two halves, or is larger than what is looked at.
    """
    if rows.probabilities is None:
        raise InputError(f"The table has no probabilities, expected columns p_<label> of {', '.join(rows.classes)}; predict with them to see repairs.")
    if not 2 <= minimum_group <= most_rows:
        raise ConfigError(f"The smallest culture repaired has {minimum_group} rows, expected 2 or more and at most the {most_rows} that are looked at; a row "
                          "is fitted on or measured, never both.")
    sizes = np.bincount(rows.groups[rows.groups >= 0], minlength=len(rows.names))
    kept = np.flatnonzero(sizes >= minimum_group)
    if not len(kept):
        raise InputError(f"The largest culture has {sizes.max(initial=0)} rows, the smallest repaired has {minimum_group}; give more rows or lower it.")
    rows = _draw_rows(rows, kept, most_rows, seed)
    fitted_on = halve_rows(rows.groups, rows.labels, seed=seed)
    versions = [(kind, scope) for kind in KINDS for scope in SCOPES]
    fits = {version: _fit(rows, fitted_on, kept, *version) for version in versions}
    shown = _show(rows, ~fitted_on, list(fits.values()))
    parts = [shown.only(shown.groups == number) for number in kept]
    moving = [[any(fit[int(number)].biases) for fit in fits.values()] for number in kept]
    drawn, whole = measure_all(parts, moving, np.maximum(sizes[kept] / most_rows, 1), resamples=resamples, seed=seed)
    names, repairs = [rows.names[number] for number in kept], []
    for place, ((kind, scope), fit) in enumerate(fits.items(), start=1):
        groups = tuple(_group(name, part, own, place, fit[int(number)]) for name, number, part, own in zip(names, kept, parts, drawn, strict=True))
        overall = _group("overall", shown, whole, place, fit[int(kept[0])] if scope == "shared" else None)
        repairs.append(Repair(kind, scope, overall, groups, _gaps(names, drawn, place)))
    few, many = ({rows.names[number]: int(sizes[number]) for number in np.flatnonzero(chosen)} for chosen in (sizes < minimum_group, sizes > most_rows))
    return RepairPreview(tuple(repairs), few, many, seed, resamples)


def _draw_rows(rows: MeasuredRows, kept: np.ndarray, most: int, seed: int) -> MeasuredRows:
    """The rows of these cultures, of each at most so many by lot."""
    lot = np.random.default_rng([seed, 2]).random(len(rows.groups))
    order = np.lexsort((lot, rows.groups))
    first = np.searchsorted(rows.groups[order], rows.groups[order])  # place where the group of each row begins
    chosen = np.sort(order[(np.arange(len(order)) - first < most) & np.isin(rows.groups[order], kept)])
    return replace(rows, groups=rows.groups[chosen], labels=rows.labels[chosen], predictions=rows.predictions[chosen],
                   probabilities=np.asarray(rows.probabilities)[chosen])


def _fit(rows: MeasuredRows, fitted_on: np.ndarray, kept: np.ndarray, kind: str, scope: str) -> dict[int, Fit]:
    """The repair of each culture by its number."""
    fit_to = fit_temperature if kind == "temperature" else fit_biases
    probabilities = np.asarray(rows.probabilities)
    if scope == "shared":
        return dict.fromkeys(kept.tolist(), fit_to(probabilities[fitted_on], rows.labels[fitted_on]))
    chosen = {number: fitted_on & (rows.groups == number) for number in kept.tolist()}
    return {number: fit_to(probabilities[own], rows.labels[own]) for number, own in chosen.items()}


def _show(rows: MeasuredRows, shown: np.ndarray, repairs: list[dict[int, Fit]]) -> ShownRows:
    """The rows shown before and after each repair."""
    groups, before, said = rows.groups[shown], np.asarray(rows.probabilities)[shown], rows.predictions[shown]
    probabilities, predictions = [before], [said]
    for fits in repairs:
        after, moved = before.copy(), said.copy()
        for number, fit in fits.items():
            own = groups == number
            after[own] = fit.apply(before[own])
            if any(fit.biases):  # a temperature moves no prediction, and one that is not of the highest probability is the table's own
                moved[own] = after[own].argmax(1)
        probabilities.append(after)
        predictions.append(moved)
    return ShownRows(groups, rows.labels[shown], np.stack(predictions), np.stack(probabilities), rows.classes)


def _group(name: str, shown: ShownRows, drawn: Drawn, version: int, fit: Fit | None) -> RepairedGroup:
    right = shown.predictions[[0, version]] == shown.labels
    metrics = {metric: _change(values[[0, version]], drawn.draws[metric][:, [0, version]])
               for metric, values in drawn.values.items() if np.isfinite(values[[0, version]]).all()}
    return RepairedGroup(name, len(shown.labels), int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum()), metrics, fit)


def _change(values: np.ndarray, draws: np.ndarray) -> Change:
    """Before and after from values (2,) and draws (resamples, 2); a resample without a row of a class has no recall of it."""
    changes = draws[:, 1] - draws[:, 0]
    return Change(float(values[0]), float(values[1]), interval(float(values[1] - values[0]), changes[np.isfinite(changes)]))


def _gaps(names: Sequence[str], drawn: Sequence[Drawn], version: int) -> dict[str, GapChange]:
    """Gaps before and after, and their change in the same resamples of each culture's rows."""
    before, after = (_measured(names, drawn, place) for place in (0, version))
    gaps, found = find_gaps(before), {}
    for name, gap in find_gaps(after).items():
        changes = np.ptp(after[name].known().draws, axis=1) - np.ptp(before[name].known().draws, axis=1)
        found[name] = GapChange(gaps[name], gap, interval(gap.value - gaps[name].value, changes))
    return found


def _measured(names: Sequence[str], drawn: Sequence[Drawn], version: int) -> dict[str, Measured]:
    return {name: Measured(names, np.array([own.values[name][version] for own in drawn]), np.stack([own.draws[name][:, version] for own in drawn], axis=1),
                           bool(measure.higher_is_better), BUDGET_SHARE * measure.scale) for name, measure in drawn[0].measures.items()}
