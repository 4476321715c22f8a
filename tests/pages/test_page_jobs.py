"""Long work on the pages: cancelling, asking again, and two visitors at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import ui.culture_panel
from audit import measure_cultures
from ui import state
from ui.caches import job_runner
from xai import METHODS

Visit = Callable[..., Any]
MakeSlow = Callable[[Callable[..., Any]], Any]
FILM = "The film was not bad at all."


@pytest.fixture
def slow_shap(slow: MakeSlow, monkeypatch: pytest.MonkeyPatch) -> Any:
    """SHAP that runs until it is told to end."""
    made = slow(METHODS["occlusion"])
    monkeypatch.setitem(METHODS, "shap", made)
    return made


def wait_for_batches(work: Any, until: Callable[[Callable[[], object]], None]) -> None:
    until(lambda: work.batches > 0)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits until something holds; fails after a minute."""
    def wait(holds: Callable[[], object]) -> None:
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.01)

    return wait


def shap_job() -> Any:
    (job,) = [job for job in job_runner()._jobs.values() if job.title == "method-shap"]
    return job


def test_running_work_shows_progress_and_cancel_stops_it(visit: Visit, slow_shap: Any, until: Any) -> None:
    visitor = visit("sentiment").ask(FILM)
    wait_for_batches(slow_shap, until)
    visitor.run()
    assert any("of 900 evaluations" in bar.text for bar in visitor.app.progress)
    job = shap_job()
    visitor.press("Cancel")
    until(lambda: job.finished)
    batches = slow_shap.batches
    visitor.settle()
    assert job.state == "cancelled"
    assert slow_shap.batches == batches, "nothing goes on behind the page"
    assert visitor.sees("job-cancelled")
    assert not any(button.label == "Cancel" for button in visitor.app.button)
    assert visitor.sees("prediction-title"), "what is done stays"


def test_cancelled_work_starts_again_when_asked(visit: Visit, slow_shap: Any, until: Any) -> None:
    visitor = visit("sentiment").ask(FILM)
    wait_for_batches(slow_shap, until)
    visitor.press("Cancel").settle()
    slow_shap.ended = True
    visitor.press("Explain").settle()
    assert not visitor.sees("job-cancelled")
    assert visitor.rows() == len(METHODS)


def test_a_failed_method_leaves_the_others(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "lime", lambda *args, **settings: {}["![x](http://evil.example)"])
    visitor = visit("sentiment").ask(FILM).settle()
    assert visitor.sees("job-failed")
    assert visitor.rows() == len(METHODS) - 1
    assert not any("evil" in shown for shown in visitor.seen())


def test_a_second_visitor_gets_predictions_while_the_first_computes(visit: Visit, slow_shap: Any, slow: MakeSlow, monkeypatch: pytest.MonkeyPatch,
                                                                    until: Any) -> None:
    monkeypatch.setitem(METHODS, "lime", slow(METHODS["occlusion"]))
    visit("sentiment").ask(FILM)
    wait_for_batches(slow_shap, until)
    second = visit("sentiment").ask("Der Bus kommt nicht.")
    assert second.sees("prediction-title")
    assert any(chart.proto.id.endswith("attention_map") for chart in second.app.get("plotly_chart"))
    assert not next(job for job in job_runner()._jobs.values() if job.title == "method-shap").finished


def test_asking_twice_does_not_cancel(visit: Visit, slow_shap: Any, until: Any) -> None:
    visitor = visit("sentiment").ask(FILM)
    wait_for_batches(slow_shap, until)
    visitor.press("Explain")
    slow_shap.ended = True
    visitor.settle()
    assert visitor.rows() == len(METHODS)


def test_another_text_does_not_stop_the_measurement(visit: Visit, slow: MakeSlow, monkeypatch: pytest.MonkeyPatch, until: Any) -> None:
    measuring = slow(measure_cultures)
    monkeypatch.setattr(ui.culture_panel, "measure_cultures", measuring)
    visitor = visit("sentiment").ask(FILM)
    wait_for_batches(measuring, until)
    visitor.ask("The soup was cold.")
    measuring.ended = True
    visitor.settle()
    assert not visitor.app.error
    assert any("macro-F1" in shown for shown in visitor.seen("markdown"))


def test_changing_the_target_while_computing_is_not_refused(visit: Visit, slow: MakeSlow, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(METHODS):
        monkeypatch.setitem(METHODS, name, slow(METHODS["occlusion"]))
    visitor = visit("sentiment").ask(FILM)
    target = visitor.app.segmented_control(key=state.TARGET)
    target.set_value(next(label for label in ("negative", "neutral", "positive") if label != target.value))
    assert not visitor.run().sees("error-busy")


def test_a_visitor_does_not_lose_what_another_one_cancels(visit: Visit, slow_shap: Any, until: Any) -> None:
    first = visit("sentiment").ask(FILM)
    wait_for_batches(slow_shap, until)
    second = visit("sentiment").ask(FILM)
    first.press("Cancel")
    slow_shap.ended = True
    second.settle()
    assert second.rows() == len(METHODS)
