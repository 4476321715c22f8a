"""The audit of a table of predictions: metrics by culture, their gaps, and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.compute as compute

from audit.columns import AuditColumns, GroupedRows, MeasuredRows, keep_largest, measure_rows
from audit.gaps import find_gaps
from audit.measures import Cells, Measure, brier_cells, confidence_cells, confusion_cells
from audit.parallel import Parallel, align_items, mcnemar, paired_draws
from audit.report import Adjusted, AuditConfig, AuditReport, GroupResult, compare_pairs, group_results, measured, sign
from audit.standardise import standardise
from audit.table import AuditTable
from models.errors import InputError


def audit_predictions(
    table: AuditTable, columns: AuditColumns | None = None, config: AuditConfig | None = None, *, model: Mapping[str, str] | None = None
) -> AuditReport:
    """Measures every culture of a table whose rows have a gold label and a prediction.

    Args:
        table: With or without columns p_<label> of probabilities.
        columns: Which hold what.
        config: Settings.
        model: Name and fingerprint of the model that predicted, where it is known.

    Raises:
        InputError: The table lacks a column or a row holds what cannot be measured.
        ConfigError: A budget names a metric that there is not.
    """
    columns, config = columns or AuditColumns(), config or AuditConfig()
    return report_rows(table, keep_largest(measure_rows(table, columns, minimum_group=config.minimum_group), config.most_groups), columns, config, model=model)


def report_rows(
    table: AuditTable, rows: MeasuredRows, columns: AuditColumns, config: AuditConfig, *, model: Mapping[str, str] | None = None
) -> AuditReport:
    """The report of rows whose columns are read already; raises as `audit_predictions` does."""
    families = _families(rows)
    measures = _merge([cells.measures for cells in families])
    config.check_budgets(list(measures))
    parallel = find_items(table, rows, columns)
    values, draws = _measure(families, config)
    whole = [cells.pooled() for cells in families]
    overall = _results(("overall",), whole, measures, *_measure(whole, config))[0]
    by_culture = _results(rows.names, families, measures, values, draws)
    if parallel is not None:  # gaps over the items that stand in every group
        complete = np.full(len(rows.groups), -1)
        complete[parallel.rows] = np.arange(len(rows.names))
        families = _families(replace(rows, groups=complete))
        values = _merge([cells.values() for cells in families])
        draws = _merge([paired_draws(cells, parallel, resamples=config.resamples, seed=config.seed) for cells in families])
    compared = measured(rows.names, values, draws, measures, config)
    return AuditReport(
        "sentiment", rows.classes, overall, by_culture, find_gaps(compared), compare_pairs(compared), _adjust(table, rows, columns, config),
        [] if parallel is None else mcnemar((rows.labels == rows.predictions)[parallel.rows], rows.names),
        rows.left_out, rows.small, len(parallel.items) if parallel else None, sign(table, columns, config, model=model, metrics={}))


def find_items(table: AuditTable, rows: GroupedRows, columns: AuditColumns) -> Parallel | None:
    """The items of a parallel table, or None where no column names them."""
    return align_items(rows.groups, np.asarray(table.texts(columns.item).to_pylist()), rows.names) if columns.item else None


def _families(rows: MeasuredRows) -> list[Cells]:
    count = len(rows.names)
    families = [confusion_cells(rows.groups, rows.labels, rows.predictions, rows.classes, count)]
    if rows.probabilities is not None:
        confidences = np.take_along_axis(rows.probabilities, rows.predictions[:, None], axis=1)[:, 0]
        families += [confidence_cells(rows.groups, confidences, rows.labels == rows.predictions, count),
                     brier_cells(rows.groups, rows.probabilities, rows.labels, count)]
    return families


def _measure(families: list[Cells], config: AuditConfig) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Values and draws of all metrics."""
    return (_merge([cells.values() for cells in families]),
            _merge([cells.draws(resamples=config.resamples, seed=config.seed) for cells in families]))


def _results(
    names: tuple[str, ...], families: list[Cells], measures: Mapping[str, Measure], values: Mapping[str, np.ndarray], draws: Mapping[str, np.ndarray],
) -> tuple[GroupResult, ...]:
    counts = families[0].counts  # of gold and predicted class
    size = math.isqrt(counts.shape[1])
    return group_results(names, counts.sum(1), values, draws, measures, counts.reshape(-1, size, size))


def _adjust(table: AuditTable, rows: MeasuredRows, columns: AuditColumns, config: AuditConfig) -> Adjusted | str:
    """Gaps with the class mix of all groups and, where there are texts, their lengths in characters."""
    if len(rows.names) < 2:
        return "There is one group only."
    if columns.text in table.columns.column_names:
        lengths = np.asarray(compute.utf8_length(table.texts(columns.text)), dtype=np.int64)
    else:
        lengths = np.zeros(len(rows.groups), dtype=np.int64)
    try:
        found = standardise(rows.groups, rows.labels, rows.predictions, lengths, rows.classes, len(rows.names))
    except InputError as error:
        return str(error)
    values, draws = _measure([found.cells], config)
    return Adjusted(find_gaps(measured(rows.names, values, draws, found.cells.measures, config)), found.covered)


def _merge(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}
