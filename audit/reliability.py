"""How sure a model is against how often it is right, by group, from the rows of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audit.audit_figures import ReliabilityBins, reliability_bins
from audit.measures import BINS
from audit.report_tables import ReportTable
from audit.rows import CORRECT, GROUP
from audit.run import AuditResult
from audit.wording import say, shown


@dataclass(frozen=True)
class ConfidentRows:
    """The measured rows of a table with probabilities.

    Attributes:
        confidences: Probability of the predicted class (rows,), 0-1.
        correct: Whether the prediction is right (rows,).
        groups: Name of the group of each row (rows,).
    """

    confidences: np.ndarray
    correct: np.ndarray
    groups: np.ndarray

    def bins(self, group: str | None = None) -> ReliabilityBins:
        """The rows of one group in bins of confidence, or all of them.

        Raises:
            InputError: There is no row of the group.
        """
        own = np.ones(len(self.groups), dtype=bool) if group is None else self.groups == group
        return reliability_bins(self.confidences[own], self.correct[own])


def confident_rows(result: AuditResult) -> ConfidentRows | None:
    """The rows that were measured, each with the probability of what was predicted; None where the table has no probabilities."""
    if result.report.task != "sentiment" or "ece" not in result.report.overall.metrics:
        return None
    rows = result.rows.filter(result.rows[GROUP].is_valid())
    said = [name.strip() for name in rows[result.columns.prediction].to_pylist()]
    places = {label: place for place, label in enumerate(result.report.classes)}
    probabilities = np.stack([np.asarray(rows[f"p_{label}"].cast("float64")) for label in places], axis=1)
    confidences = probabilities[np.arange(len(said)), [places[label] for label in said]]
    return ConfidentRows(confidences, np.asarray(rows[CORRECT]), np.asarray(rows[GROUP].cast("string")))


def reliability_table(rows: ConfidentRows, groups: Sequence[str], language: str) -> ReportTable:
    """Every bin that holds rows, of all rows and then of these groups: its bounds, rows, mean confidence, and accuracy with its interval (0-1)."""
    cells = []
    for name, group in ((say(language, "all-rows"), None), *((shown(group), group) for group in groups)):
        bins = rows.bins(group)
        cells += [(name, f"{place / BINS:.3f}–{(place + 1) / BINS:.3f}", int(count), float(confidence), float(accuracy), float(low), float(high))
                  for place, count, confidence, accuracy, low, high in zip(bins.places, bins.count, bins.confidence, bins.accuracy, bins.low, bins.high,
                                                                           strict=True)]
    return ReportTable(("group", "bin", "count", "confidence", "accuracy", "low", "high"), tuple(cells))
