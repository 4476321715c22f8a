"""The sentiment page in each of its states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit import read_probe
from models.loading import load_classifier
from ui import state
from ui.caches import classifier, job_runner
from ui.texts import translate
from xai import METHODS
from xai.keys import result_key

Visit = Callable[..., Any]
FILM = "The film was not bad at all, honestly I loved it."


def key_of(name: str, method: str, content: str, target: str) -> str:
    return result_key(fingerprint=classifier(name).fingerprint, text=content, method=method, target=target, parameters={}, seed=0)


def test_empty(visit: Visit) -> None:
    visitor = visit("sentiment")
    assert visitor.seen("info") == [translate("en", "sentiment-empty")]
    assert visitor.seen("subheader") == []
    examples = [button for button in visitor.app.button if (button.key or "").startswith(state.EXAMPLES)]
    assert len(examples) == 4
    assert all(button.help for button in examples)


@pytest.mark.parametrize(
    ("content", "key"),
    [(" \n\t ", "error-text-empty"), ("", "error-text-empty"), ("\u200b\u200b", "error-text-invisible"), ("\u0000\u0007", "error-text-empty")]
)
def test_nothing_to_read_is_one_sentence(visit: Visit, content: str, key: str) -> None:
    visitor = visit("sentiment").ask(content)
    assert visitor.seen("text") == [translate("en", key)]
    assert visitor.sees("error-input")
    assert visitor.seen("subheader") == []
    assert visitor.app.text_area[0].value == content


def test_too_long_says_what_was_cut(visit: Visit) -> None:
    content = "slow cold soup " * 60 + "but great"
    visitor = visit("sentiment").ask(content)
    prediction = classifier("sentiment").predict([content])[0]
    assert prediction.truncated_at is not None
    cut = len(prediction.text) - prediction.truncated_at
    assert visitor.sees("prediction-cut", seen=prediction.truncated_at, cut=cut, limit=64)
    (shown,) = [value for value in visitor.seen("text") if "✂" in value]
    before, after = shown.strip("…").split(" ✂ ")
    assert content[: prediction.truncated_at].endswith(before)
    assert content[prediction.truncated_at :].startswith(after)


def test_a_script_the_model_does_not_know(visit: Visit) -> None:
    visitor = visit("sentiment").ask("ᚠᚢᚦᚨᚱᚲ ᚷᚹᚺᚾ")
    assert visitor.sees("prediction-unknown-script")
    assert visitor.sees("prediction-title")
    assert not visit("sentiment").ask(FILM).sees("prediction-unknown-script")


def test_emoji_only_has_a_result_but_no_culture(visit: Visit) -> None:
    visitor = visit("sentiment").ask("😀😀").settle()
    assert visitor.sees("prediction-title")
    assert visitor.sees("culture-unknown")
    assert visitor.rows() == len(METHODS)


def test_done_shows_prediction_methods_attention_and_culture(visit: Visit) -> None:
    visitor = visit("sentiment").ask(FILM).settle()
    prediction = classifier("sentiment").predict([FILM])[0]
    assert visitor.seen("subheader") == [translate("en", key) for key in ("prediction-title", "why-title", "culture-title", "attention-title")]
    assert any(shown.startswith(f"### {prediction.label}  ·  {prediction.probabilities[prediction.label]:.2f}") for shown in visitor.seen("markdown"))
    bars = [bar.text for bar in visitor.app.progress]
    assert bars == [f"{label}  {p:.3f}" for label, p in prediction.probabilities.items()]
    rows = [shown for shown in visitor.seen("markdown") if any(shown.startswith(f"**{translate('en', f'method-{name}')}**") for name in METHODS)]
    assert len(rows) == len(METHODS) == visitor.rows()
    assert all("evaluations" in row for row in rows)
    assert any(shown.startswith(r"**en\-US**: macro-F1") for shown in visitor.seen("markdown"))
    charts = {chart.proto.id.split("-")[-1] for chart in visitor.app.get("plotly_chart")}
    assert {"attention_map", "attention_heads", "culture_dots", "culture_confusion"} <= charts
    assert len(visitor.app.get("download_button")) == 4
    assert not visitor.app.error


def test_the_numbers_shown_are_those_of_the_methods(visit: Visit) -> None:
    visitor = visit("sentiment").ask(FILM).settle()
    model, runner = classifier("sentiment"), job_runner()
    target = model.predict([FILM])[0].label
    for name, explain in METHODS.items():
        kept = runner.result(key_of("sentiment", name, FILM, target))
        assert kept.scores == pytest.approx(explain(model, FILM, target, seed=0).scores, abs=1e-6), name
    table = next(frame.value for frame in visitor.app.dataframe if "shap" in frame.value)
    assert "".join(table["token"]) == FILM.replace(" ", "")
    assert [FILM[a:b] for a, b in zip(table["start"], table["end"], strict=True)] == table["token"].tolist()
    assert set(METHODS) <= set(table.columns)


def test_an_example_fills_the_box_and_names_what_was_meant(visit: Visit) -> None:
    visitor = visit("sentiment")
    button = next(button for button in visitor.app.button if button.key == f"{state.EXAMPLES}-0")
    button.click()
    visitor.run()
    sentence = next(s for s in read_probe() if s.text == visitor.app.text_area[0].value)
    assert sentence.culture == "zh-CN"
    assert visitor.app.selectbox(key=state.CULTURE).value == "zh-CN"
    assert any(shown.startswith(f"Written to be {sentence.label}") for shown in visitor.seen("caption"))
    assert visitor.sees("prediction-title")
    assert not visitor.sees("sentiment-stale")


def test_a_changed_text_keeps_the_result_and_says_so(visit: Visit) -> None:
    visitor = visit("sentiment").ask(FILM)
    visitor.app.text_area[0].set_value("Something else")
    visitor.run()
    assert visitor.sees("sentiment-stale")
    assert visitor.sees("prediction-title")
    assert not visitor.ask("Something else").sees("sentiment-stale")


def test_another_target_is_explained(visit: Visit) -> None:
    visitor = visit("sentiment").ask(FILM).settle()
    model, runner = classifier("sentiment"), job_runner()
    other = next(label for label in model.labels if label != model.predict([FILM])[0].label)
    assert runner.result(key_of("sentiment", "occlusion", FILM, other)) is None
    visitor.app.segmented_control(key=state.TARGET).set_value(other)
    visitor.run().settle()
    for name in METHODS:
        assert runner.result(key_of("sentiment", name, FILM, other)).target == other
    assert visitor.rows() == len(METHODS)
    assert visitor.ask("The soup was cold.").app.segmented_control(key=state.TARGET).value == model.predict(["The soup was cold."])[0].label


def test_another_model_answers(visit: Visit, checkpoints: Path) -> None:
    visitor = visit("sentiment").ask(FILM).settle()
    visitor.app.selectbox(key=state.MODEL).set_value("distilbert")
    visitor.run().settle()
    expected = load_classifier(str(checkpoints / "distilbert")).predict([FILM])[0]
    assert [bar.text for bar in visitor.app.progress] == [f"{label}  {p:.3f}" for label, p in expected.probabilities.items()]
    assert visitor.app.text_area[0].value == FILM


def test_a_model_with_other_labels_is_explained_but_not_measured(visit: Visit) -> None:
    visitor = visit("sentiment").ask(FILM).settle()
    visitor.app.selectbox(key=state.MODEL).set_value("moods")
    visitor.run().settle()
    assert visitor.seen("info") == [translate("en", "culture-other-labels")]
    assert visitor.app.progress[0].text.startswith("anger  0.")
    assert visitor.rows() == len(METHODS)
    assert not any("![" in shown or "<b>" in shown for shown in visitor.markdown())


def test_a_broken_model_is_one_sentence(visit: Visit, checkpoints: Path) -> None:
    (checkpoints / "sentiment" / "model.safetensors").write_bytes(b"half a file")
    visitor = visit("sentiment").ask(FILM)
    assert visitor.sees("error-model")
    assert any(shown.startswith("The weights of") for shown in visitor.seen("text"))
    assert visitor.seen("subheader") == []
    visitor.app.selectbox(key=state.MODEL).set_value("distilbert")
    assert visitor.run().sees("prediction-title"), "another model can still be chosen"
