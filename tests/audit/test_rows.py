"""The rows behind the numbers: marked, filtered, sorted, a page at a time."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as arrow
import pytest

from audit.columns import AuditColumns, measure_rows
from audit.rows import CORRECT, GROUP, ROW, RowFilter, find_rows, mark_rows
from audit.table import AuditTable, parse_audit_table
from models.errors import InputError

ROWS = [
    {"text": "Good soup", "label": "positive", "prediction": "positive", "culture": "en"},
    {"text": "bad SOUP", "label": "negative", "prediction": " positive ", "culture": "en"},
    {"text": "汤很好", "label": "positive", "prediction": "negative", "culture": "zh"},
    {"text": "=1+1", "label": "", "prediction": "negative", "culture": "zh"},
    {"text": "NA", "label": "negative", "prediction": "negative", "culture": "NA"},
]
COLUMNS = AuditColumns()


def table(rows: list[dict[str, str]] = ROWS) -> AuditTable:
    return parse_audit_table("".join(json.dumps(row) + "\n" for row in rows).encode(), "rows.jsonl")


@pytest.fixture(scope="module")
def marked() -> arrow.Table:
    measured = measure_rows(table(), COLUMNS, minimum_group=1)
    return mark_rows(table(), measured, measured.labels == measured.predictions)


def numbers(marked: arrow.Table, wanted: RowFilter, **settings: object) -> list[int]:
    return find_rows(marked, COLUMNS, wanted, **settings).rows[ROW].to_pylist()  # type: ignore[arg-type]


def test_rows_are_marked_and_nothing_of_them_is_lost(marked: arrow.Table) -> None:
    assert marked[ROW].to_pylist() == [1, 2, 3, 4, 5]
    assert marked[GROUP].to_pylist() == ["en", "en", "zh", None, "NA"]
    assert marked[CORRECT].to_pylist() == [True, False, False, None, True]
    assert marked["text"].to_pylist() == [row["text"] for row in ROWS]


@pytest.mark.parametrize(("wanted", "expected"), [
    (RowFilter(), [1, 2, 3, 4, 5]), (RowFilter(group="en"), [1, 2]), (RowFilter(group="NA"), [5]), (RowFilter(label="positive", prediction="negative"), [3]),
    (RowFilter(prediction="positive"), [1, 2]), (RowFilter(correct=False), [2, 3]), (RowFilter(contains="soup"), [1, 2]), (RowFilter(contains="汤"), [3]),
    (RowFilter(contains="("), []), (RowFilter(numbers=np.array([5, 2]), correct=False), [2]), (RowFilter(group="en", correct=True, contains="good"), [1]),
])
def test_filters(marked: arrow.Table, wanted: RowFilter, expected: list[int]) -> None:
    assert numbers(marked, wanted) == expected


def test_a_page_knows_how_many_there_are(marked: arrow.Table) -> None:
    page = find_rows(marked, COLUMNS, RowFilter(), start=2, size=2)
    assert (page.rows[ROW].to_pylist(), page.count, page.start) == ([3, 4], 5, 2)
    assert find_rows(marked, COLUMNS, RowFilter(), start=50).rows.num_rows == 0


def test_sorting_keeps_the_order_of_equal_rows(marked: arrow.Table) -> None:
    assert numbers(marked, RowFilter(), sort_by="culture") == [5, 1, 2, 3, 4]
    assert numbers(marked, RowFilter(), sort_by="culture", descending=True) == [3, 4, 1, 2, 5]
    assert numbers(marked, RowFilter(), sort_by=ROW, descending=True) == [5, 4, 3, 2, 1]
    assert numbers(marked, RowFilter(), sort_by=GROUP, start=1, size=2) == [1, 2]
    with pytest.raises(InputError, match="no column 'length' to sort by"):
        numbers(marked, RowFilter(), sort_by="length")


def test_a_column_that_the_audit_adds_may_not_be_there() -> None:
    taken = table([{**row, GROUP: "x"} for row in ROWS])
    with pytest.raises(InputError, match="has a column 'audit_group'"):
        mark_rows(taken, measure_rows(taken, COLUMNS, minimum_group=1), None)
