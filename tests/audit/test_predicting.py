"""A table without predictions: the model's own, as the command line gives them; unusable texts stay empty."""

from __future__ import annotations

import json

import numpy as np
import pytest

from audit.columns import AuditColumns, measure_rows
from audit.predicting import describe_model, predict_table, translate_table
from audit.table import AuditTable, parse_audit_table
from models.classifier import Classifier
from models.errors import Cancelled, InputError
from models.loading import load_translator
from models.translator import Translator
from tests.tiny_translator import save_tiny_translator

TEXTS = ["The soup was good.", "", "汤很好", "\u200b", "The soup was good."]
COLUMNS = AuditColumns()


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    """Random weights: that each row gets its own translation is the point."""
    return load_translator(str(save_tiny_translator(tmp_path_factory.mktemp("random"), steps=0)))


def table(rows: list[dict[str, str]]) -> AuditTable:
    return parse_audit_table("".join(json.dumps(row) + "\n" for row in rows).encode(), "rows.jsonl")


def test_a_classifier_fills_the_columns_of_predict(tiny_bert: Classifier) -> None:
    given = table([{"text": text, "label": "positive", "culture": "en"} for text in TEXTS])
    found = predict_table(given, COLUMNS, tiny_bert)
    expected = tiny_bert.predict([TEXTS[0], TEXTS[2]])
    assert found.columns["prediction"].to_pylist() == [expected[0].label, "", expected[1].label, "", expected[0].label]
    for label in tiny_bert.labels:
        column = found.columns[f"p_{label}"].to_pylist()
        assert (float(column[0]), float(column[2])) == (expected[0].probabilities[label], expected[1].probabilities[label])  # not rounded
    assert found.sha256 == given.sha256
    measured = measure_rows(found, COLUMNS, minimum_group=1)
    assert measured.left_out == {"empty prediction": 2} and measured.probabilities is not None
    assert measured.probabilities[[0, 2, 4]].sum(1) == pytest.approx(np.ones(3))


def test_a_translator_fills_hypotheses_by_direction(translator: Translator) -> None:
    (source, target), (back_source, back_target) = translator.scheme.directions[0], translator.scheme.directions[1]
    rows = [{"text": "the cook sees a lamp", "source_language": source, "target_language": target}, {"text": " ", "source_language": "", "target_language": ""},
            {"text": "the lamp", "source_language": back_source, "target_language": back_target}]
    found = translate_table(table(rows), COLUMNS, translator)
    first = translator.translate([rows[0]["text"]], source, target)[0].hypothesis
    third = translator.translate([rows[2]["text"]], back_source, back_target)[0].hypothesis
    assert found.columns["hypothesis"].to_pylist() == [first, "", third]
    with pytest.raises(InputError, match="xx"):
        translate_table(table([{**rows[0], "target_language": "xx"}]), COLUMNS, translator)


def test_what_the_table_has_already_is_not_written_over(tiny_bert: Classifier) -> None:
    with pytest.raises(InputError, match="has a column 'prediction' already"):
        predict_table(table([{"text": "a", "prediction": "positive"}]), COLUMNS, tiny_bert)
    with pytest.raises(InputError, match="no column 'text'"):
        predict_table(table([{"texts": "a"}]), COLUMNS, tiny_bert)


def test_predicting_can_be_cancelled(tiny_bert: Classifier) -> None:
    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        predict_table(table([{"text": "a word"}]), COLUMNS, tiny_bert, progress=stop)


def test_a_report_names_the_model(tiny_bert: Classifier) -> None:
    assert describe_model(tiny_bert) == {"name": tiny_bert.name, "fingerprint": tiny_bert.fingerprint}
