"""Overview, library and what stands around every page: language, model, hostile text."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.loading import load_classifier
from ui import state
from ui.overview import worked_examples
from ui.texts import translate

Visit = Callable[..., Any]
FILM = "The film was not bad at all."
HOSTILE = (
    "![x](http://evil.example/a.png) ok", "<img src=x onerror=alert(1)> ok", "<script>alert(1)</script> ok", "[ok](javascript:alert(1))",
    "**ok** :red[ok] $x$ :material/delete:", "\u202ehttp://evil.example ok",
)
LIVE = ("![", "](", "<img", "<script", "evil.example/", "http://evil", "javascript:", ":red[", "$x$", "**ok**", "\u202e")


def test_overview_shows_three_worked_examples(visit: Visit) -> None:
    visitor = visit("overview")
    examples = worked_examples()
    assert len(examples) == 3
    assert visitor.seen("title") == ["CultureLens"]
    assert visitor.seen("text") == [sentence.text for sentence in examples]
    assert [button.label for button in visitor.app.button] == ["See why"] * 3
    assert visitor.app.metric[0].value == "sentiment"


def test_overview_opens_an_example_with_its_answer(visit: Visit) -> None:
    visitor = visit("overview").press("See why")
    example = worked_examples()[0]
    assert visitor.seen("title") == [translate("en", "sentiment-title")]
    assert visitor.app.text_area[0].value == example.text
    assert visitor.app.selectbox(key=state.CULTURE).value == example.culture
    assert visitor.sees("prediction-title")


def test_overview_with_a_broken_model_is_one_sentence(visit: Visit, checkpoints: Path) -> None:
    (checkpoints / "sentiment" / "config.json").write_text("{", encoding="utf-8")
    visitor = visit("overview")
    assert visitor.sees("error-model")
    assert any(shown.startswith("The settings of") for shown in visitor.seen("text"))
    assert visitor.app.selectbox(key=state.MODEL).options == ["distilbert", "moods", "sentiment"]


def test_the_link_chooses_the_language(visit: Visit, read_in: Callable[[str], None]) -> None:
    read_in("zh")
    visitor = visit("sentiment", lang="zh")
    assert visitor.seen("title") == [translate("zh", "sentiment-title")]
    assert visitor.seen("info") == [translate("zh", "sentiment-empty")]
    assert visitor.app.text_area[0].label == translate("zh", "sentiment-text")


@pytest.mark.parametrize("lang", ["xx", "<script>", ""])
def test_an_unknown_language_in_the_link_is_english(visit: Visit, lang: str) -> None:
    assert visit("overview", lang=lang).sees("overview-lead")


def test_switching_the_language_keeps_text_choice_and_results(visit: Visit, read_in: Callable[[str], None]) -> None:
    visitor = visit("sentiment")
    visitor.app.selectbox(key=state.CULTURE).set_value("de-DE")
    visitor.ask(FILM).settle()
    bars = [bar.text.split("  ")[1] for bar in visitor.app.progress]
    rows = visitor.rows()
    visitor.app.segmented_control(key=state.LANGUAGE).set_value("zh")
    visitor.run()
    read_in("zh")
    assert visitor.seen("title") == [translate("zh", "sentiment-title")]
    assert visitor.app.text_area[0].value == FILM
    assert visitor.app.selectbox(key=state.CULTURE).value == "de-DE"
    assert [bar.text.split("  ")[1] for bar in visitor.app.progress] == bars
    assert visitor.rows() == rows == 7
    assert not any(translate("zh", "job-waiting") in shown for shown in visitor.seen())


def test_text_and_results_outlive_another_page(visit: Visit) -> None:
    visitor = visit("sentiment").ask(FILM).settle()
    visitor.open("models").open("sentiment")
    assert visitor.app.text_area[0].value == FILM
    assert visitor.sees("prediction-title")
    assert not visitor.sees("sentiment-stale")


def test_library_has_a_card_a_model(visit: Visit, checkpoints: Path) -> None:
    visitor = visit("models")
    assert [expander.label for expander in visitor.app.expander] == ["distilbert", "moods", "sentiment"]
    model = load_classifier(str(checkpoints / "sentiment"))
    facts = dict(visitor.app.dataframe[2].value.itertuples(index=False, name=None))
    assert facts["Labels"] == "negative, neutral, positive"
    assert facts["Longest text (tokens)"] == str(model.max_length)
    assert facts["Parameters"] == f"{sum(p.numel() for p in model.model.parameters()):,}"
    assert facts["Fingerprint"] == model.fingerprint[:12]


def load(visitor: Any, path: str) -> Any:
    visitor.app.text_input(key=state.LIBRARY_PATH).set_value(path)
    return visitor.press("Load").settle()


def test_library_loads_a_folder_for_this_visitor_only(visit: Visit, embedded: Path) -> None:
    visitor = load(visit("models"), f" {embedded / 'xlm-roberta'} ")
    assert visitor.seen("success") == [translate("en", "library-loaded")]
    visitor.app.selectbox(key=state.MODEL).set_value(str(embedded / "xlm-roberta"))
    expected = load_classifier(str(embedded / "xlm-roberta")).predict([FILM])[0]
    visitor.open("sentiment").ask(FILM)
    assert visitor.app.progress[0].text == f"negative  {expected.probabilities['negative']:.3f}"
    assert len(visit("overview").app.selectbox(key=state.MODEL).options) == 3


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [("model.safetensors", "The weights of"), ("config.json", "has no config.json"), ("tokenizer.json", "tokenizer"), (None, "There is no model")],
)
def test_library_refuses_what_is_broken(visit: Visit, embedded: Path, tmp_path: Path, damage: str | None, sentence: str) -> None:
    folder = tmp_path / "![x](http:evil) <b>"
    if damage:
        shutil.copytree(embedded / "bert", folder)
        for path in (folder / damage, folder / "tokenizer_config.json"):
            if path.name == damage or damage == "tokenizer.json":
                path.unlink()
    visitor = load(visit("models"), str(folder))
    assert visitor.sees("error-model")
    assert any(sentence in shown for shown in visitor.seen("text"))
    assert len(visitor.app.selectbox(key=state.MODEL).options) == 3
    assert not any("![" in shown or "<b>" in shown for shown in visitor.markdown())


def test_library_can_load_what_was_broken_before(visit: Visit, embedded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "<b>own ![x](y)"
    folder.mkdir()
    visitor = load(visit("models"), str(folder))
    assert visitor.sees("error-model")
    shutil.copytree(embedded / "bert", folder, dirs_exist_ok=True)
    load(visitor, str(folder))
    assert not visitor.sees("error-model")
    assert len(visitor.app.expander) == 4
    assert not any("![" in shown or "<b>" in shown for shown in visitor.markdown())


@pytest.mark.parametrize("content", HOSTILE)
def test_hostile_text_stays_text(visit: Visit, content: str) -> None:
    visitor = visit("sentiment").ask(content).settle()
    assert visitor.sees("prediction-title")
    for shown in visitor.markdown():
        assert not any(word in shown for word in LIVE), shown
    for chart in visitor.app.get("plotly_chart"):
        assert "<img" not in chart.proto.spec
        assert "<script" not in chart.proto.spec
    assert not visitor.app.get("html")
