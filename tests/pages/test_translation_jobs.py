"""Long work on the translation page: progress, cancelling, failing, a full queue, two visitors; and text of strangers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ui.translation_contrast
from models.errors import ModelError
from tests.tiny_translator import PAIRS
from ui import jobs, state
from ui.caches import job_runner, translator
from ui.texts import translate as say
from xai import TRANSLATION_METHODS

Visit = Callable[..., Any]
FILM, FILM_ZH = PAIRS[0]
HOSTILE = (
    "![x](http://evil.example/a.png) ok", "<img src=x onerror=alert(1)> ok", "<script>alert(1)</script> ok", "[ok](javascript:alert(1))",
    "**ok** :red[ok] $x$ :material/delete:", "\u202ehttp://evil.example ok",
)
LIVE = ("![", "](", "<img", "<script", "evil.example/", "http://evil", "javascript:", ":red[", "$x$", "**ok**", "\u202e")


@pytest.fixture
def slow_occlusion(slow: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The method that is shown first, running until it is told to end."""
    made = slow(TRANSLATION_METHODS["occlusion"])
    monkeypatch.setitem(TRANSLATION_METHODS, "occlusion", made)
    return made


def wait_for(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def attribution_job() -> Any:
    (job,) = [job for job in job_runner()._jobs.values() if job.title == "translation-title"]
    return job


def test_progress_cancel_and_again(visit: Visit, translators: Path, slow_occlusion: Any) -> None:
    visitor = visit("translation").translate(FILM)
    wait_for(lambda: slow_occlusion.batches)
    visitor.run()
    assert any("of 900 evaluations" in bar.text and "s left" in bar.text for bar in visitor.app.progress)
    assert FILM_ZH in visitor.seen("text"), "the translation is there before it is explained"
    assert any(chart.proto.id.endswith("cross_attention_map") for chart in visitor.app.get("plotly_chart"))
    job = attribution_job()
    visitor.press("Cancel")
    wait_for(lambda: job.finished)
    batches = slow_occlusion.batches
    visitor.settle()
    assert job.state == "cancelled"
    assert slow_occlusion.batches == batches, "nothing goes on behind the page"
    assert visitor.sees("job-cancelled")
    slow_occlusion.ended = True
    visitor.press("Start again").settle()
    assert any(chart.proto.id.endswith("attribution_map") for chart in visitor.app.get("plotly_chart"))
    assert not visitor.sees("job-cancelled")


def test_another_sentence_method_or_view_stops_what_nobody_waits_for(visit: Visit, translators: Path, slow_occlusion: Any) -> None:
    visitor = visit("translation").translate(FILM)
    wait_for(lambda: slow_occlusion.batches)
    first = attribution_job()
    visitor.translate(PAIRS[1][0])
    wait_for(lambda: first.finished)
    assert first.state == "cancelled"
    visitor.app.selectbox(key=state.TRANSLATION_METHOD).set_value("input_x_gradient")
    visitor.run().settle()
    assert not visitor.waits()
    assert any(shown.startswith("**Input × gradient**") for shown in visitor.seen("markdown"))


def test_a_failed_method_leaves_the_rest(visit: Visit, translators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSLATION_METHODS, "occlusion", lambda *args, **settings: {}["![x](http://evil.example)"])
    visitor = visit("translation").translate(FILM).settle()
    assert visitor.sees("job-failed")
    assert FILM_ZH in visitor.seen("text")
    assert any(chart.proto.id.endswith("cross_attention_map") for chart in visitor.app.get("plotly_chart"))
    assert not any("evil" in shown for shown in visitor.seen())


def test_an_error_of_ours_is_shown_as_its_sentence(visit: Visit, translators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **settings: Any) -> None:
        raise ModelError("The model gives values that are not numbers; load another one.")

    monkeypatch.setattr(ui.translation_contrast, "contrast", fail)
    visitor = visit("translation").translate(FILM)
    visitor.app.segmented_control(key=state.TRANSLATION_VIEW).set_value("contrast")
    visitor.run()
    visitor.app.text_area(key=state.TRANSLATION_EDITED).set_value(PAIRS[3][1])
    visitor.press("Compare").settle()
    assert "The model gives values that are not numbers; load another one." in visitor.seen("text")


def test_a_full_queue_is_said_and_leaves_the_translation(visit: Visit, translators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_OWN", 0)
    visitor = visit("sentiment")  # the warm-up is not this visitor's
    monkeypatch.setattr(jobs, "MAX_WAITING", 0)
    visitor.open("translation").translate(FILM)
    assert visitor.sees("error-busy")
    assert say("en", "error-busy-queue") in visitor.seen("text")
    assert FILM_ZH in visitor.seen("text")


def test_a_second_visitor_translates_while_the_first_computes(visit: Visit, translators: Path, slow_occlusion: Any) -> None:
    visit("translation").translate(FILM)
    wait_for(lambda: slow_occlusion.batches)
    second = visit("translation").translate(PAIRS[3][0])
    assert PAIRS[3][1] in second.seen("text")
    assert slow_occlusion.batches


def test_what_fails_while_translating_is_said(visit: Visit, translators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = visit("translation")
    monkeypatch.setattr(translator("translation"), "translate", lambda *args, **settings: {}["![x](http://evil.example)"])
    visitor.translate(FILM)
    assert visitor.seen("error") == [say("en", "error-unknown")]
    assert visitor.app.text_area[0].value == FILM
    assert not any("evil" in shown for shown in visitor.seen())


def test_switching_the_language_keeps_sentence_view_and_results(visit: Visit, translators: Path, read_in: Callable[[str], None]) -> None:
    visitor = visit("translation").translate(FILM)
    visitor.app.segmented_control(key=state.TRANSLATION_VIEW).set_value("prefix")
    visitor.run().settle()
    shares = next(frame.value for frame in visitor.app.dataframe if "source_share" in frame.value)
    visitor.app.segmented_control(key=state.LANGUAGE).set_value("zh")
    visitor.run()
    read_in("zh")
    assert visitor.seen("title") == [say("zh", "translation-title")]
    assert visitor.app.text_area[0].value == FILM
    assert visitor.app.segmented_control(key=state.TRANSLATION_VIEW).value == "prefix"
    assert next(frame.value for frame in visitor.app.dataframe if "source_share" in frame.value).equals(shares)


def test_sentence_languages_and_results_outlive_another_page(visit: Visit, translators: Path) -> None:
    visitor = visit("translation", source="zh", target="en").translate(FILM_ZH).settle()
    said = visitor.seen("text")[0]
    visitor.open("models").open("translation")
    assert visitor.app.text_area[0].value == FILM_ZH
    assert visitor.app.selectbox(key=state.SOURCE_LANGUAGE).value == "zh"
    assert visitor.seen("text")[0] == said
    assert not visitor.sees("translation-stale")


def test_the_first_page_opens_a_worked_example(visit: Visit, translators: Path) -> None:
    visitor = visit("overview")
    assert [button.label for button in visitor.app.button] == ["See why"] * 3 + ["Translate"] * 3
    visitor.press("Translate")
    assert visitor.seen("title") == [say("en", "translation-title")]
    assert visitor.app.selectbox(key=state.SOURCE_LANGUAGE).value == "zh"
    assert not visitor.sees("translation-stale")
    assert visitor.sees("confidence-title")


def test_a_broken_translator_leaves_the_first_page(visit: Visit, translators: Path) -> None:
    (translators / "translation" / "model.safetensors").write_bytes(b"half a file")
    visitor = visit("overview")
    assert visitor.sees("error-model")
    assert visitor.app.metric[0].value == "sentiment"


@pytest.mark.parametrize("content", HOSTILE)
@pytest.mark.parametrize("view", ["alignment", "prefix", "contrast"])
def test_hostile_text_stays_text(visit: Visit, translators: Path, content: str, view: str) -> None:
    visitor = visit("translation").translate(content)
    visitor.app.segmented_control(key=state.TRANSLATION_VIEW).set_value(view)
    visitor.run().settle()
    if view == "contrast":
        visitor.app.text_area(key=state.TRANSLATION_EDITED).set_value(content)
        visitor.press("Compare").settle()
        assert any(row.key == "contrast_source_0" for row in visitor.app.get("bidi_component"))
    assert visitor.sees("confidence-title")
    assert not visitor.app.error
    for shown in visitor.markdown():
        assert not any(word in shown for word in LIVE), shown
    for chart in visitor.app.get("plotly_chart"):
        assert "<img" not in chart.proto.spec
        assert "<script" not in chart.proto.spec
    assert not visitor.app.get("html")
