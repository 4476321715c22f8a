"""How the translator fares: figures of its card, and the culture probe measured when somebody asks for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ui.translation_cultures
from audit import TranslationSentence, measure_translation_cultures, read_translation_probe
from tests.tiny_translator import PAIRS
from ui import state
from ui.caches import job_runner, translator
from ui.texts import translate as say
from ui.translation_cultures import card_groups

Visit = Callable[..., Any]
FILM = PAIRS[0][0]


def metrics(value: float) -> dict[str, dict[str, float]]:
    return {name: {"value": value, "low": value - 2, "high": value + 2} for name in ("bleu", "chrf", "ter", "rouge_l", "length_ratio")}


def row(value: float, count: int, **group: str) -> dict[str, Any]:
    return {**group, "count": count, "metrics": metrics(value), "signatures": {"bleu": "nrefs:1|tok:zh"}}


EVALUATION = {
    "task": "translation", "headline": [row(41.3, 500, dataset="own", direction="en-zh")],
    "by_direction": [row(41.3, 500, direction="en-zh"), row(30.0, 400, direction="zh-en")],
    "by_domain": [row(52.0, 300, direction="en-zh", domain="![x](http://evil.example)"), row(20.0, 200, direction="en-zh", domain="news"),
                  row(99.0, 9, direction="zh-en", domain="film")],
    "by_culture": [row(41.0, 250, direction="en-zh", culture="zh-CN"), row(40.0, 250, direction="en-zh", culture="zh-TW")],
}


@pytest.fixture
def evaluated(translators: Path) -> Path:
    """The translator with an evaluation beside it."""
    (translators / "translation" / "evaluation.json").write_text(json.dumps(EVALUATION), encoding="utf-8")
    return translators


@pytest.fixture
def short_probe(monkeypatch: pytest.MonkeyPatch) -> list[TranslationSentence]:
    """Two sentences of each culture from English into Chinese, instead of ninety."""
    own = [s for s in read_translation_probe() if s.source_language == "en" and s.target_language == "zh"]
    kept = [s for culture in dict.fromkeys(s.culture for s in own) for s in [s for s in own if s.culture == culture][:2]]
    monkeypatch.setattr(ui.translation_cultures, "probe", lambda: tuple(kept))
    return kept


def fares(visitor: Any, source: str | None = None) -> Any:
    visitor.app.segmented_control(key=state.TRANSLATION_VIEW).set_value("fares")
    visitor.run()
    if source:
        visitor.app.segmented_control(key=state.FARES_SOURCE).set_value(source)
        visitor.run()
    return visitor


def table(visitor: Any) -> Any:
    return next(frame.value for frame in visitor.app.dataframe if "group" in frame.value)


def test_directions_of_the_card(visit: Visit, evaluated: Path) -> None:
    visitor = fares(visit("translation").translate(FILM))
    shown = table(visitor)
    assert list(shown["group"]) == ["en-zh", "zh-en"]
    assert list(shown["count"]) == [500, 400]
    assert list(shown["chrf"]) == [41.3, 30.0]
    assert list(shown["bleu_low"]) == [39.3, 28.0]
    assert visitor.sees("fares-directions-note")
    assert "bleu: nrefs:1|tok:zh" in visitor.seen("text")
    (chart,) = [chart for chart in visitor.app.get("plotly_chart") if chart.proto.id.endswith("fares_dots")]
    assert "<b>en-zh</b>" in json.loads(chart.proto.spec)["layout"]["yaxis"]["ticktext"][1]


def test_domains_and_cultures_are_those_of_this_direction(visit: Visit, evaluated: Path) -> None:
    visitor = fares(visit("translation").translate(FILM), "domain")
    assert set(table(visitor)["group"]) == {"![x](http://evil.example)", "news"}
    assert any(r"52.0 [50.0, 54.0] (n = 300)" in shown and "do not overlap" in shown for shown in visitor.seen("markdown"))
    assert not any("![" in shown for shown in visitor.markdown())
    visitor.app.segmented_control(key=state.FARES_SOURCE).set_value("culture")
    visitor.run()
    assert list(table(visitor)["group"]) == ["zh-CN", "zh-TW"]
    assert any("may be chance" in shown for shown in visitor.seen("markdown"))


def test_without_an_evaluation_only_the_probe_is_offered(visit: Visit, translators: Path) -> None:
    visitor = fares(visit("translation").translate(FILM))
    assert visitor.sees("fares-no-card")
    assert visitor.sees("fares-probe-offer", count=90, cultures=3)
    assert "fares-probe" not in {job.title for job in job_runner()._jobs.values()}, "nothing long starts by itself"
    assert not visitor.app.get("plotly_chart")


@pytest.mark.parametrize("broken", [{}, {"by_direction": 3}, {"by_direction": [{"direction": "en-zh"}]}, {"by_direction": [{"count": 1, "metrics": []}]},
                                    {"by_direction": [row(1, 2, direction="en-zh") | {"metrics": {"bleu": {}, "chrf": {}}}]}, {"by_direction": ["x"]}])
def test_a_broken_evaluation_is_none(broken: dict[str, Any]) -> None:
    assert card_groups(broken, "direction", "en-zh") == []


def test_the_probe_is_measured_when_asked_for(visit: Visit, translators: Path, short_probe: list[TranslationSentence]) -> None:
    visitor = fares(visit("translation").translate(FILM))
    visitor.press("Measure now").settle()
    report = measure_translation_cultures(translator("translation"), short_probe)
    shown = table(visitor)
    assert list(shown["group"]) == ["en-GB", "en-IN", "en-US"]
    for name in ("chrf", "bleu", "ter"):
        assert list(shown[name]) == [round(part.measured.metrics[name].value, 2) for part in report.by_culture]
        assert list(shown[f"{name}_high"]) == [round(part.measured.metrics[name].high, 2) for part in report.by_culture]
    rows = next(frame.value for frame in visitor.app.dataframe if "hypothesis" in frame.value)
    assert list(rows["hypothesis"]) == list(report.hypotheses)
    idioms, trapped = sum(part.idioms for part in report.by_culture), sum(part.trapped for part in report.by_culture)
    assert visitor.sees("fares-traps", trapped=trapped, idioms=idioms) == (idioms > 0)
    assert not visitor.app.error


def test_measuring_shows_progress_can_be_cancelled_and_started_again(
    visit: Visit, translators: Path, short_probe: list[TranslationSentence], slow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring = slow(measure_translation_cultures)
    monkeypatch.setattr(ui.translation_cultures, "measure_translation_cultures", measuring)
    visitor = fares(visit("translation").translate(FILM)).press("Measure now")
    while not measuring.batches:
        time.sleep(0.01)
    visitor.run()
    assert any("of 900 evaluations" in bar.text for bar in visitor.app.progress)
    (job,) = [job for job in job_runner()._jobs.values() if job.title == "fares-probe"]
    visitor.press("Cancel").settle()
    assert job.state == "cancelled"
    assert visitor.sees("job-cancelled")
    measuring.ended = True
    visitor.press("Start again").settle()
    assert list(table(visitor)["group"]) == ["en-GB", "en-IN", "en-US"]


def test_a_new_sentence_does_not_stop_the_measurement(
    visit: Visit, translators: Path, short_probe: list[TranslationSentence], slow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring = slow(measure_translation_cultures)
    monkeypatch.setattr(ui.translation_cultures, "measure_translation_cultures", measuring)
    visitor = fares(visit("translation").translate(FILM)).press("Measure now")
    visitor.translate("The waiter was very slow.")
    measuring.ended = True
    visitor.settle()
    assert list(table(visitor)["group"]) == ["en-GB", "en-IN", "en-US"]


def test_a_direction_without_sentences_says_so(visit: Visit, translators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.translation_cultures, "probe", lambda: ())
    visitor = fares(visit("translation").translate(FILM))
    assert visitor.seen("info") == [say("en", "fares-no-probe")]


def test_the_library_shows_the_headline_of_a_translator(visit: Visit, evaluated: Path) -> None:
    visitor = visit("models")
    (shown,) = [frame.value for frame in visitor.app.dataframe if "bleu_value" in frame.value]
    assert shown[["dataset", "direction", "count", "bleu_value", "chrf_low", "chrf_high"]].to_numpy().tolist() == [["own", "en-zh", 500, 41.3, 39.3, 43.3]]
    assert visitor.sees("library-translations")
