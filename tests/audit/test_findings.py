"""Slices, words and tree of one table together: a planted cause is in all three, and a click on a slice finds its rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

import audit.findings
from audit.columns import AuditColumns, measure_rows
from audit.findings import Findings, check_features, find_errors
from audit.report_tables import slices_table, tree_table, words_table
from audit.table import AuditTable, parse_audit_table
from models.errors import InputError

WORDS = ["bus", "soup", "train", "film", "phone", "hotel", "teacher", "garden"]


def table_of(count: int = 1_200) -> AuditTable:
    """Texts of three words in two groups; those with "ironic" are wrong in seven of ten cases, the others in one of ten."""
    generator = np.random.default_rng(5)
    rows = []
    for number in range(count):
        words = [str(word) for word in generator.choice(WORDS, 3)] + (["ironic"] if number % 3 == 0 else [])
        wrong = generator.random() < (0.7 if "ironic" in words else 0.1)
        rows.append({"text": " ".join(words), "label": "positive", "prediction": "negative" if wrong else "positive", "culture": "ab"[number % 2],
                     "topic": "x" if generator.random() < 0.5 else "y"})
    rows[0]["label"] = "negative"
    return parse_audit_table("".join(json.dumps(row) + "\n" for row in rows).encode(), "rows.jsonl")


COLUMNS = AuditColumns(features=("topic",))


def find(table: AuditTable, columns: AuditColumns = COLUMNS) -> Findings:
    rows = measure_rows(table, columns, minimum_group=30)
    found = find_errors(table, rows, rows.labels != rows.predictions, columns, minimum=30, seed=1)
    assert found is not None
    return found


def test_the_planted_cause_is_first_everywhere() -> None:
    found = find(table_of())
    assert found.slices.slices[0].features == ("word=ironic",)
    assert found.tree is not None and found.tree.feature == "word=ironic"
    assert {words[0].word for words in found.words.by_culture.values()} == {"ironic"}
    assert slices_table(found.slices).rows[0][0] == "word=ironic" and words_table(found.words, "a").rows[0][0] == "ironic"
    conditions = [row[0] for row in tree_table(found.tree).rows]
    assert conditions[:2] == ["–", "word=ironic"] and "¬ word=ironic" in conditions


def test_rows_of_a_slice_are_those_with_its_features() -> None:
    table = table_of()
    found = find(table)
    texts = table.texts("text").to_pylist()
    assert found.rows_of(("word=ironic",)).tolist() == [number + 1 for number, text in enumerate(texts) if "ironic" in text]


def test_of_a_large_table_a_sample_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit.findings, "MOST_SEARCHED", 500)
    table = table_of()
    found, again = find(table), find(table)
    assert len(found.numbers) == 500 and found.numbers.tolist() == again.numbers.tolist() == sorted(set(found.numbers.tolist()))
    assert found.slices.slices[0].features == ("word=ironic",)
    assert json.dumps(found.to_json_dict(), allow_nan=False) == json.dumps(again.to_json_dict(), allow_nan=False)


def test_without_texts_nothing_is_searched() -> None:
    table = table_of(100)
    rows = measure_rows(table, COLUMNS, minimum_group=30)
    assert find_errors(table, rows, rows.labels != rows.predictions, AuditColumns(text="body"), minimum=30, seed=1) is None


def test_columns_that_are_missing_are_found_before_the_work() -> None:
    with pytest.raises(InputError, match="has no column 'domain'"):
        check_features(AuditColumns(features=("domain",)), table_of(100))
    with pytest.raises(InputError, match="agreement needs two or more"):
        check_features(AuditColumns(annotators=("label",)), table_of(100))
