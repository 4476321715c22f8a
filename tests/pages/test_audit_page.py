"""The audit page: from a table to a verdict and its rows, as AppTest sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from audit import AuditColumns, AuditConfig, AuditResult, run_audit
from audit.table import parse_audit_table
from audit.wording import verdict_lines
from models.loading import load_classifier
from ui import state
from ui.audit_table import probe_table
from ui.caches import job_runner
from ui.words import plain

Visit = Callable[..., Any]
LABELS = ("negative", "neutral", "positive")
CSV = "text/csv"


def csv(rows: int = 120, header: str = "text,label,prediction,culture") -> bytes:
    generator = np.random.default_rng(1)
    lines = [header]
    for culture, right in (("de", 0.95), ("hi", 0.5)):
        for number in range(rows):
            said = number % 3 if generator.random() < right else (number + 1) % 3
            lines.append(f"[link](http://evil.example) {number},{LABELS[number % 3]},{LABELS[said]},{culture}")
    return ("\n".join(lines) + "\n").encode()


def upload(visitor: Any, content: bytes, name: str = "rows.csv") -> Any:
    visitor.app.get("file_uploader")[0].set_value((name, content, CSV))
    return visitor.run()


def result_of(visitor: Any) -> AuditResult:
    result: AuditResult = job_runner().result(visitor.app.session_state[state.AUDIT_KEY])
    return result


@pytest.fixture
def audited(visit: Visit) -> Any:
    """A visitor who had an uploaded table audited."""
    visitor = upload(visit("cultures"), csv())
    return visitor.press("Audit").settle()


def test_before_anything_the_page_says_what_to_do(visit: Visit) -> None:
    assert visit("cultures").sees("audit-empty")


def test_an_uploaded_table_is_audited_as_by_the_function(audited: Any) -> None:
    expected = run_audit(parse_audit_table(csv(), "rows.csv"), "sentiment", AuditColumns(), AuditConfig())
    assert result_of(audited).to_json_dict() == expected.to_json_dict()
    (line, adjusted) = verdict_lines("en", expected.report, "macro_f1")
    assert any(plain(line, limit=400) in shown for shown in audited.seen()) and any(plain(adjusted, limit=400) in shown for shown in audited.seen())
    assert expected.report.gaps["macro_f1"].verdict == "gap"


def test_what_is_chosen_and_audited_at_once_counts(visit: Visit) -> None:
    visitor = upload(visit("cultures"), csv())
    next(box for box in visitor.app.number_input if (box.key or "").startswith("resamples-")).set_value(300)
    visitor.press("Audit").settle()  # nothing ran in between, as when somebody types a number and clicks
    assert result_of(visitor).report.signature["resamples"] == 300


def test_another_metric_has_its_own_verdict(audited: Any) -> None:
    box = next(box for box in audited.app.selectbox if box.key == state.AUDIT_METRIC)
    box.set_value("flip_rate")
    audited.run()
    (line, _) = verdict_lines("en", result_of(audited).report, "flip_rate")
    assert any(plain(line, limit=400) in shown for shown in audited.seen())


def test_rows_are_filtered_and_texts_stay_texts(audited: Any) -> None:
    audited.app.session_state[state.AUDIT_CELL] = ("hi", "negative", "neutral")
    audited.run()
    report = result_of(audited).report
    count = next(group for group in report.by_culture if group.group == "hi").confusion[0, 1]
    assert audited.sees("audit-found", count=str(count), total="240")
    assert not any("](http://evil" in shown for shown in audited.markdown())
    audited.press("All rows")
    assert audited.sees("audit-found", count="240", total="240")


def test_own_sentences_are_predicted_by_the_active_model(visit: Visit) -> None:
    visitor = visit("cultures")
    next(group for group in visitor.app.get("button_group") if group.key == state.AUDIT_SOURCE).set_value("probe")
    visitor.run().press("Audit").settle()
    model = load_classifier("sentiment")
    expected = run_audit(probe_table("sentiment"), "sentiment", AuditColumns(features=("phenomena",)), AuditConfig(), model=model)
    assert result_of(visitor).to_json_dict() == expected.to_json_dict()


def test_a_table_of_translations_is_audited(visit: Visit) -> None:
    pairs = [{"source": f"Der Bus {number} kommt.", "reference": f"The bus {number} comes.", "hypothesis": f"The bus {number} comes late.",
              "source_language": "de", "target_language": "en", "culture": "de-DE" if number % 2 else "de-AT"} for number in range(80)]
    visitor = upload(visit("cultures"), "".join(json.dumps(pair) + "\n" for pair in pairs).encode(), "pairs.jsonl")
    visitor.press("Audit").settle()
    report = result_of(visitor).report
    assert report.task == "translation" and report.gaps["chrf"].verdict == "no gap"


@pytest.mark.parametrize(("content", "name", "sentence"), [
    (b"", "rows.csv", "is empty, expected a header line"), (b"a,a\n1,2\n", "rows.csv", "names the column 'a' 2 times"),
    (b"text,label\nx,y,z\n", "rows.csv", "has 3 cells in row 2"), ("text\ngr\u00fcn\n".encode("latin-1"), "rows.csv", "is not UTF-8"),
])
def test_a_broken_table_is_one_sentence(visit: Visit, content: bytes, name: str, sentence: str) -> None:
    visitor = upload(visit("cultures"), content, name)
    assert any(sentence in shown for shown in visitor.seen())


def test_a_prediction_that_is_no_label_is_one_sentence(visit: Visit) -> None:
    visitor = upload(visit("cultures"), csv().replace(b",neutral,de", b",happy,de", 1))
    visitor.press("Audit").settle()
    assert any("has the prediction 'happy'" in shown for shown in visitor.seen())


def test_the_table_is_kept_while_another_page_is_visited(audited: Any) -> None:
    audited.open("models").open("cultures")
    assert audited.sees("audit-rows", name=plain("rows.csv"), rows="240", columns="4") and audited.sees("audit-found", count="240", total="240")


def test_the_page_speaks_chinese(visit: Visit, read_in: Callable[[str], None]) -> None:
    read_in("zh")
    visitor = upload(visit("cultures", lang="zh"), csv())
    visitor.press("审计").settle()
    assert any("在各组之间有差距" in shown for shown in visitor.seen())
