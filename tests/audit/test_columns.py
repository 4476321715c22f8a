"""Rows as numbers, by hand: groups, intersections, classes, probabilities, what is left out and what is refused."""

from __future__ import annotations

import pytest

from audit.columns import AuditColumns, measure_rows
from audit.table import AuditTable, parse_audit_table
from models.errors import InputError

TABLE = """text,label,prediction,culture,domain,p_negative,p_neutral,p_positive
a,negative,positive,de,x,0.2,0.1,0.7
b,neutral, neutral ,de,y,.1,.8,.1
c,positive,positive,NA,x,0,0,1
d,,positive,NA,x,,,
e,positive,negative,fr,x,1,0,0
f,positive,positive,,x,0,0,1
"""


def table(text: str = TABLE) -> AuditTable:
    return parse_audit_table(text.encode(), "a.csv")


def test_rows_by_hand() -> None:
    rows = measure_rows(table(), AuditColumns(), minimum_group=1)
    assert rows.names == ("NA", "de", "fr")
    assert rows.classes == ("negative", "neutral", "positive")
    assert rows.groups.tolist() == [1, 1, 0, -1, 2, -1]
    assert [(int(gold), int(said)) for gold, said, group in zip(rows.labels, rows.predictions, rows.groups, strict=True) if group >= 0] == [
        (0, 2), (1, 1), (2, 2), (2, 0)]
    assert rows.probabilities is not None and rows.probabilities[1].tolist() == [0.1, 0.8, 0.1]
    assert rows.left_out == {"empty label": 1, "empty culture": 1} and rows.small == {}


def test_intersections_of_two_columns() -> None:
    rows = measure_rows(table(), AuditColumns(cultures=("culture", "domain")), minimum_group=1)
    assert rows.names == ("NA × x", "de × x", "de × y", "fr × x")
    assert rows.groups.tolist() == [1, 2, 0, -1, 3, -1]


def test_small_groups_are_named_and_not_measured() -> None:
    rows = measure_rows(table(), AuditColumns(), minimum_group=2)
    assert rows.names == ("de",) and rows.small == {"NA": 1, "fr": 1}
    assert rows.groups.tolist() == [0, 0, -1, -1, -1, -1]


def test_other_labels_are_sorted_and_need_no_probabilities() -> None:
    rows = measure_rows(table("label,prediction,culture\nspam,ham,de\nham,ham,de\n"), AuditColumns(), minimum_group=1)
    assert rows.classes == ("ham", "spam") and rows.probabilities is None


def test_ten_thousand_groups() -> None:
    text = "label,prediction,culture\n" + "".join(f"positive,negative,c{number}\npositive,positive,c{number}\n" for number in range(10_000))
    rows = measure_rows(table(text), AuditColumns(), minimum_group=2)
    assert len(rows.names) == 10_000 and (rows.groups >= 0).all()


@pytest.mark.parametrize(("change", "columns", "minimum", "sentence"), [
    (("label,", "gold,"), AuditColumns(), 1, "has no column 'label'; its columns are text, gold"),
    ((" neutral ", "neither"), AuditColumns(), 1, "Row 2 of a.csv has the prediction 'neither', which is no label of the table; expected one of"),
    (("0.7", "1.7"), AuditColumns(), 1, "Row 1 of a.csv has the value 1.7 in p_positive; give probabilities between 0 and 1"),
    (("0.7", "nan"), AuditColumns(), 1, "Row 1 of a.csv has the value nan in p_positive"),
    (("0.7", "much"), AuditColumns(), 1, "has a value in p_positive that is no number"),
    (("", ""), AuditColumns(), 3, "The largest of 3 groups has 2 rows, the smallest measured is 3"),
])
def test_what_is_refused(change: tuple[str, str], columns: AuditColumns, minimum: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        measure_rows(table(TABLE.replace(*change, 1) if change[0] else TABLE), columns, minimum_group=minimum)


def test_no_whole_row_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"No row of a\.csv has all of label, prediction, culture"):
        measure_rows(table("label,prediction,culture\na,,de\n,b,de\n"), AuditColumns(), minimum_group=1)


def test_a_column_of_texts_taken_for_labels_is_noticed() -> None:
    text = "label,prediction,culture\n" + "".join(f"text {number},a,de\n" for number in range(60))
    with pytest.raises(InputError, match="has 60 different labels, at most 50 are measured; check which column"):
        measure_rows(table(text), AuditColumns(), minimum_group=1)
