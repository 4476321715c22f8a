"""Words behind the predictions of a slice, as a visitor of the audit page asks for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ui.audit_attributions
from audit import AuditResult
from audit.attribution_totals import AttributionTotals, attribution_totals
from models.loading import load_classifier
from ui import state
from ui.caches import job_runner
from ui.state import AUDIT_ATTRIBUTIONS as ASKED
from ui.texts import translate
from ui.words import plain

Visit = Callable[..., Any]
LABELS = ("negative", "neutral", "positive")
RUN = translate("en", "audit-attributions-run")
WORDS = ("soup", "=tea", "bread", "rain", "<b>bus</b>", "[link](http://evil.example)")


def csv(rows: int = 60, header: str = "text,label,prediction,culture") -> bytes:
    lines = [header]
    for culture in ("de", "hi"):
        lines += [f"the {WORDS[number % 6]} and {WORDS[number // 6 % 6]},{LABELS[number % 3]},{LABELS[number % 3]},{culture}" for number in range(rows)]
    return ("\n".join(lines) + "\n").encode()


def audit(visitor: Any, content: bytes, name: str = "rows.csv", lang: str = "en") -> Any:
    visitor.app.get("file_uploader")[0].set_value((name, content, "text/csv"))
    return visitor.run().press(translate(lang, "audit-run")).settle()


def choose(visitor: Any, rows: int = 20, method: str = "occlusion") -> Any:
    next(box for box in visitor.app.number_input if box.key == "audit_attributions_rows").set_value(rows)
    next(box for box in visitor.app.selectbox if box.key == "audit_attributions_method").set_value(method)
    return visitor.run()


def totals_of(visitor: Any) -> AttributionTotals | None:
    found: AttributionTotals | None = job_runner().result(visitor.app.session_state[ASKED])
    return found


@pytest.fixture
def audited(visit: Visit) -> Any:
    """A visitor who had an uploaded table audited."""
    return audit(visit("cultures"), csv())


def test_nothing_is_explained_before_somebody_asks(audited: Any) -> None:
    assert audited.sees("audit-attributions-title") and ASKED not in audited.app.session_state
    assert not audited.sees("audit-attributions-read")


def test_the_words_are_those_of_the_function(audited: Any) -> None:
    choose(audited).press(RUN).settle()
    model = load_classifier("sentiment")
    rows = [line.split(",") for line in csv().decode().splitlines()[1:]]
    expected = attribution_totals(model, [row[0] for row in rows], np.array([("de", "hi").index(row[3]) for row in rows]), ("de", "hi"), method="occlusion",
                                  most_rows=20)
    found = totals_of(audited)
    assert found is not None and found.to_json_dict() == expected.to_json_dict()
    assert audited.sees("audit-attributions-sample", explained="20", count="120", seed="1", method="Occlusion", model="sentiment")
    largest = max(expected.overall, key=lambda part: part.count)
    assert largest.words and audited.sees("audit-attributions-part", count=str(largest.count), words=str(len(largest.words)), rare=str(largest.rare),
                                          minimum="5")


def test_texts_stay_texts(audited: Any) -> None:
    choose(audited, 120).press(RUN).settle()
    found = totals_of(audited)
    assert found is not None and any("evil" in word.word for part in found.overall for word in part.words)
    assert not any("](http://evil" in shown or "<b>" in shown for shown in audited.markdown())


def test_only_the_rows_that_are_shown_are_explained(audited: Any) -> None:
    next(box for box in audited.app.text_input if box.key == "audit_filter_text").set_value("soup")
    next(box for box in audited.app.selectbox if box.key == "audit_filter_group").set_value("hi")
    audited.run()
    choose(audited).press(RUN).settle()
    found = totals_of(audited)
    with_soup = sum(b"soup" in line and line.endswith(b"hi") for line in csv().splitlines())
    assert found is not None and found.count == with_soup and {part.group for part in found.by_culture} == {"hi"}
    assert all(word.share == 100 for part in found.overall for word in part.words if word.word == "soup")


def test_another_filter_or_setting_hides_what_was_found_for_the_one_before(audited: Any) -> None:
    choose(audited).press(RUN).settle()
    assert audited.sees("audit-attributions-read")
    choose(audited, 21)
    assert not audited.sees("audit-attributions-read")
    choose(audited, 20)
    assert audited.sees("audit-attributions-read")


def test_without_a_row_there_is_one_sentence(audited: Any) -> None:
    next(box for box in audited.app.text_input if box.key == "audit_filter_text").set_value("no such words")
    audited.run().press(RUN).settle()
    assert audited.sees("error-attributions-empty") and audited.sees("job-failed")


def test_it_can_be_cancelled(audited: Any, slow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.audit_attributions, "attribution_totals", slow(attribution_totals))
    choose(audited).press(RUN)
    job = job_runner().job(audited.app.session_state[ASKED])
    assert job is not None and not job.finished
    audited.press(translate("en", "why-cancel")).settle()
    assert job.state == "cancelled" and audited.sees("job-cancelled") and totals_of(audited) is None


def test_the_model_is_chosen_where_the_table_brings_predictions(audited: Any) -> None:
    next(box for box in audited.app.selectbox if box.key == "audit_attributions_model").set_value("distilbert")
    audited.run()
    choose(audited).press(RUN).settle()
    found = totals_of(audited)
    assert found is not None and found.signature["model"]["name"] == "distilbert"
    assert audited.sees("audit-attributions-sample", explained="20", count="120", seed="1", method="Occlusion", model=plain("distilbert"))


def test_the_model_that_predicted_is_the_one_explained(visit: Visit) -> None:
    visitor = audit(visit("cultures"), csv(header="text,label,ignored,culture"))
    result: AuditResult | None = job_runner().result(visitor.app.session_state[state.AUDIT_KEY])
    choose(visitor).press(RUN).settle()
    found = totals_of(visitor)
    assert found is not None and result is not None and found.signature["model"] == result.report.signature["model"]
    assert not [box for box in visitor.app.selectbox if box.key == "audit_attributions_model"]
    assert {part.target for part in found.overall} <= set(result.rows["prediction"].to_pylist())


def test_translations_have_no_such_part(visit: Visit) -> None:
    pairs = [{"source": f"Der Bus {number} kommt.", "reference": f"The bus {number} comes.", "hypothesis": f"The bus {number} comes.",
              "source_language": "de", "target_language": "en", "culture": "de-DE" if number % 2 else "de-AT"} for number in range(80)]
    visitor = audit(visit("cultures"), "".join(json.dumps(pair) + "\n" for pair in pairs).encode(), "pairs.jsonl")
    assert visitor.sees("audit-rows-title") and not visitor.sees("audit-attributions-title")


def test_it_speaks_chinese(visit: Visit, read_in: Callable[[str], None]) -> None:
    read_in("zh")
    visitor = audit(visit("cultures", lang="zh"), csv(), lang="zh")
    choose(visitor).press(translate("zh", "audit-attributions-run")).settle()
    sentence = translate("zh", "audit-attributions-sample", explained="20", count="120", seed="1", method="遮挡", model="sentiment")
    assert any(sentence in shown for shown in visitor.seen())
