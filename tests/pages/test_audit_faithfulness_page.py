"""Faithfulness of explanations in a slice, as a visitor of the audit page asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ui.audit_faithfulness
from audit.faithfulness_by_culture import FaithfulnessByCulture, measure_faithfulness_by_culture
from audit.faithfulness_gaps import MINIMUM
from models.loading import load_classifier
from ui.caches import job_runner
from ui.state import AUDIT_FAITHFULNESS as ASKED
from ui.texts import translate

Visit = Callable[..., Any]
LABELS = ("negative", "neutral", "positive")
CULTURES = ("<b>de</b>", "hi")
WORDS = ("soup", "=tea", "bread", "rain", "bus")
RUN = translate("en", "audit-faithfulness-run")


def csv(rows: int = 40) -> bytes:
    lines = ["text,label,prediction,culture"]
    for culture in CULTURES:
        lines += [f"the {WORDS[number % 5]} and {WORDS[number // 5 % 5]} so,{LABELS[number % 3]},{LABELS[number % 3]},{culture}" for number in range(rows)]
    return ("\n".join(lines) + "\n").encode()


def audit(visitor: Any, lang: str = "en") -> Any:
    visitor.app.get("file_uploader")[0].set_value(("rows.csv", csv(), "text/csv"))
    return visitor.run().press(translate(lang, "audit-run")).settle()


def choose(visitor: Any, rows: int = 12, methods: tuple[str, ...] = ("input_x_gradient", "occlusion")) -> Any:
    next(box for box in visitor.app.number_input if box.key == "audit_faithfulness_rows").set_value(rows)
    next(box for box in visitor.app.multiselect if box.key == "audit_faithfulness_methods").set_value(list(methods))
    return visitor.run()


def found_by(visitor: Any) -> FaithfulnessByCulture | None:
    found: FaithfulnessByCulture | None = job_runner().result(visitor.app.session_state[ASKED])
    return found


@pytest.fixture
def audited(visit: Visit) -> Any:
    """A visitor who had an uploaded table audited."""
    return audit(visit("cultures"))


def test_nothing_is_measured_before_somebody_asks(audited: Any) -> None:
    assert audited.sees("audit-faithfulness-title") and ASKED not in audited.app.session_state
    assert not audited.sees("audit-faithfulness-read")


def test_the_numbers_are_those_of_the_function(audited: Any) -> None:
    choose(audited).press(RUN).settle()
    rows = [line.split(",") for line in csv().decode().splitlines()[1:]]
    expected = measure_faithfulness_by_culture(
        load_classifier("sentiment"), [row[0] for row in rows], np.array([CULTURES.index(row[3]) for row in rows]), CULTURES,
        methods=("input_x_gradient", "occlusion"), most_rows=12)
    found = found_by(audited)
    assert found is not None and found.to_json_dict() == expected.to_json_dict()
    assert audited.sees("audit-faithfulness-sample", measured="12", count="80", seed="1", baselines="100", model="sentiment")
    assert audited.sees("audit-faithfulness-few", minimum=str(MINIMUM)) and audited.sees("audit-faithfulness-read")
    assert not any("<b>" in shown for shown in audited.markdown())


def test_groups_are_compared_where_they_are_large_enough(audited: Any) -> None:
    choose(audited, 2 * MINIMUM, ("occlusion",)).press(RUN).settle()
    found = found_by(audited)
    assert found is not None and set(found.gaps) == {"occlusion"}
    assert not audited.sees("audit-faithfulness-few", minimum=str(MINIMUM)) and audited.sees("audit-faithfulness-even")
    assert any("Faithfulness of explanations" in shown for shown in audited.markdown())


def test_only_the_rows_that_are_shown_are_measured(audited: Any) -> None:
    next(box for box in audited.app.text_input if box.key == "audit_filter_text").set_value("soup")
    next(box for box in audited.app.selectbox if box.key == "audit_filter_group").set_value("hi")
    audited.run()
    choose(audited, methods=("input_x_gradient",)).press(RUN).settle()
    found = found_by(audited)
    with_soup = sum(b"soup" in line and line.endswith(b"hi") for line in csv().splitlines())
    assert found is not None and found.count == with_soup and {part.group for part in found.by_culture} == {"hi"}


def test_without_a_method_nothing_can_be_asked(audited: Any) -> None:
    choose(audited, methods=())
    assert next(button for button in audited.app.button if button.key == "audit_faithfulness_run").disabled


def test_without_a_row_there_is_one_sentence(audited: Any) -> None:
    next(box for box in audited.app.text_input if box.key == "audit_filter_text").set_value("no such words")
    audited.run().press(RUN).settle()
    assert audited.sees("error-attributions-empty") and audited.sees("job-failed")


def test_it_can_be_cancelled(audited: Any, slow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.audit_faithfulness, "measure_faithfulness_by_culture", slow(measure_faithfulness_by_culture))
    choose(audited).press(RUN)
    job = job_runner().job(audited.app.session_state[ASKED])
    assert job is not None and not job.finished
    audited.press(translate("en", "why-cancel")).settle()
    assert job.state == "cancelled" and audited.sees("job-cancelled") and found_by(audited) is None


def test_it_speaks_chinese(visit: Visit, read_in: Callable[[str], None]) -> None:
    read_in("zh")
    visitor = audit(visit("cultures", lang="zh"), lang="zh")
    choose(visitor, methods=("input_x_gradient",)).press(translate("zh", "audit-faithfulness-run")).settle()
    sentence = translate("zh", "audit-faithfulness-sample", measured="12", count="80", seed="1", baselines="100", model="sentiment")
    assert any(sentence in shown for shown in visitor.seen())
