"""The rows behind the numbers: which group each is in, whether it is right, and the few that somebody wants to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute

from audit.columns import AuditColumns, GroupedRows
from audit.table import AuditTable
from models.errors import InputError

ROW, GROUP, CORRECT = "audit_row", "audit_group", "audit_correct"  # columns that the audit adds
ERRORS = "audit_errors"  # checks that a translation fails, joined by "|"
PAGE = 50  # rows shown at once


@dataclass(frozen=True)
class RowFilter:
    """Which rows are wanted; what is empty does not filter.

    Attributes:
        group, label, prediction: Value each row must have.
        correct: Whether the prediction is right.
        contains: Letters that stand in the text, whatever their case.
        numbers: Numbers of the rows, from 1, to which the others apply; None for all.
    """

    group: str = ""
    label: str = ""
    prediction: str = ""
    correct: bool | None = None
    contains: str = ""
    numbers: np.ndarray | None = None


@dataclass(frozen=True)
class RowPage:
    """Some of the rows found.

    Attributes:
        rows: At most PAGE of them.
        count: How many there are.
        start: Place of the first one among them.
    """

    rows: arrow.Table
    count: int
    start: int


def mark_rows(table: AuditTable, measured: GroupedRows, correct: np.ndarray | None) -> arrow.Table:
    """The table with the columns ROW (from 1), GROUP and, where it is known, CORRECT; both null for rows that were not measured.

    Raises:
        InputError: The table has a column of one of these names.
    """
    taken = [name for name in (ROW, GROUP, CORRECT) if name in table.columns.column_names]
    if taken:
        raise InputError(f"{table.name} has a column {taken[0]!r}, which the audit adds; rename it.")
    left_out = measured.groups < 0
    names = arrow.DictionaryArray.from_arrays(arrow.array(np.where(left_out, 0, measured.groups).astype(np.int32), mask=left_out),
                                              arrow.array(list(measured.names), arrow.string()))
    marked = table.columns.append_column(ROW, arrow.array(np.arange(1, len(left_out) + 1, dtype=np.int32))).append_column(GROUP, names)
    return marked if correct is None else marked.append_column(CORRECT, arrow.array(correct, mask=left_out))


def find_rows(
    rows: arrow.Table, columns: AuditColumns, wanted: RowFilter, *, sort_by: str = ROW, descending: bool = False, start: int = 0, size: int = PAGE
) -> RowPage:
    """One page of the rows that a filter lets through.

    Args:
        rows: As `mark_rows` gives them.
        columns: Which hold labels, predictions and texts.
        wanted: The filter.
        sort_by: Name of a column; equal rows keep their order.
        descending: Largest first.
        start: Place of the first row shown among those found, from 0.
        size: Rows shown at most.

    Raises:
        InputError: There is no column of the name to sort by.
    """
    if sort_by not in rows.column_names:
        raise InputError(f"There is no column {sort_by!r} to sort by; the columns are {', '.join(rows.column_names)}.")
    if wanted.numbers is not None:
        rows = rows.take(arrow.array(wanted.numbers - 1))
    found = rows.filter(_matches(rows, columns, wanted))
    if sort_by != ROW or descending:
        keys = found[sort_by].cast(arrow.string()) if arrow.types.is_dictionary(found[sort_by].type) else found[sort_by]
        order = compute.sort_indices(arrow.table({"key": keys, ROW: found[ROW]}),
                                     sort_keys=[("key", "descending" if descending else "ascending"), (ROW, "ascending")])
        return RowPage(found.take(order.slice(start, size)), found.num_rows, start)
    return RowPage(found.slice(start, size), found.num_rows, start)


def _matches(rows: arrow.Table, columns: AuditColumns, wanted: RowFilter) -> arrow.ChunkedArray | arrow.Array:
    equal = {GROUP: wanted.group, columns.label: wanted.label, columns.prediction: wanted.prediction}
    conditions = [compute.equal(_trimmed(rows[name]), value) for name, value in equal.items() if value]
    if wanted.correct is not None:
        conditions.append(compute.equal(rows[CORRECT], wanted.correct))
    if wanted.contains:
        conditions.append(compute.match_substring(rows[columns.text], wanted.contains, ignore_case=True))
    return _all(conditions, rows.num_rows)


def _trimmed(column: arrow.ChunkedArray) -> arrow.ChunkedArray:
    return column.cast(arrow.string()) if arrow.types.is_dictionary(column.type) else compute.utf8_trim_whitespace(column)


def _all(conditions: Sequence[arrow.ChunkedArray], count: int) -> arrow.ChunkedArray | arrow.Array:
    if not conditions:
        return arrow.array(np.ones(count, dtype=bool))
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = compute.and_kleene(whole, condition)
    return whole
