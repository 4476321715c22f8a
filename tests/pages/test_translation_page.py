"""The translation page in each of its states."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit import read_translation_probe
from models.languages import LanguageScheme
from models.loading import load_translator
from tests.tiny_translator import PAIRS, POSITIONS
from ui import state
from ui.caches import translator
from ui.texts import translate as say

Visit = Callable[..., Any]
FILM, FILM_ZH = PAIRS[0]


def rows(visitor: Any, key: str) -> list[dict[str, Any]]:
    """What the token row of a key shows."""
    (row,) = [row for row in visitor.app.get("bidi_component") if row.key == key]
    return list(json.loads(row.proto.json)["tokens"])


def warnings_of(visitor: Any) -> list[str]:
    return visitor.seen("warning")


def test_without_a_model_it_says_what_to_do(visit: Visit) -> None:
    visitor = visit("translation")
    assert visitor.seen("info") == [say("en", "translation-no-model")]
    assert visitor.app.code[0].value == "python -m models train configs/translation.yaml"
    assert not visitor.app.text_area
    assert visitor.seen("subheader") == []


def test_empty(visit: Visit, translators: Path) -> None:
    visitor = visit("translation")
    assert visitor.seen("info") == [say("en", "translation-empty")]
    assert visitor.seen("subheader") == []
    assert visitor.app.selectbox(key=state.TRANSLATOR).options == ["stutterer", "translation"]
    assert visitor.app.selectbox(key=state.TRANSLATOR).value == "translation"
    assert visitor.app.selectbox(key=state.SOURCE_LANGUAGE).value == "en"
    assert visitor.app.selectbox(key=state.TARGET_LANGUAGE).value == "zh"


def test_classifiers_and_translators_are_listed_where_they_belong(visit: Visit, translators: Path) -> None:
    assert visit("sentiment").app.selectbox(key=state.MODEL).options == ["distilbert", "moods", "sentiment"]
    library = visit("models")
    assert [expander.label for expander in library.app.expander] == ["distilbert", "moods", "sentiment", "stutterer", "translation"]
    facts = dict(library.app.dataframe[4].value.itertuples(index=False, name=None))
    assert facts["Directions"] == "en→de, en→zh, zh→en"
    assert facts["Layers"] == "2 + 2"


@pytest.mark.parametrize(
    ("content", "key"),
    [(" \n\t ", "error-text-empty"), ("", "error-text-empty"), ("\u200b\u200b", "error-text-invisible"), ("\u0000\u0007", "error-text-empty")]
)
def test_nothing_to_translate_is_one_sentence(visit: Visit, translators: Path, content: str, key: str) -> None:
    visitor = visit("translation").translate(content)
    assert visitor.seen("text") == [say("en", key)]
    assert visitor.sees("error-input")
    assert visitor.seen("subheader") == []


@pytest.mark.parametrize(
    ("pair", "key"), [(("en", "en"), "error-same-language"), (("zh", "de"), "error-unsupported-pair"), (("xx", "zh"), "error-unsupported-pair")]
)
def test_a_pair_the_model_does_not_translate_is_one_sentence(visit: Visit, translators: Path, pair: tuple[str, str], key: str) -> None:
    visitor = visit("translation")
    visitor.app.session_state[state.TRANSLATION_REQUEST] = state.TranslationRequest(FILM, *pair)
    visitor.run()
    assert visitor.seen("text") == [say("en", key)]
    assert visitor.sees("error-input")
    assert visitor.seen("subheader") == []


def test_done_shows_the_translation_its_confidence_and_alternatives(visit: Visit, translators: Path) -> None:
    visitor = visit("translation").translate(FILM)
    expected = translator("translation").translate([FILM], "en", "zh")[0]
    assert expected.hypothesis == FILM_ZH
    assert visitor.seen("text")[0] == FILM_ZH
    shown = rows(visitor, "translation_confidence")
    assert [token["text"] for token in shown] == list(expected.tokens)
    assert [token["score"] for token in shown] == [f"{math.exp(logprob):.2f}" for logprob in expected.token_logprobs]
    assert [token["share"] for token in shown] == pytest.approx([1 - math.exp(logprob) for logprob in expected.token_logprobs])
    assert visitor.sees("confidence-scale", end=f"{math.exp(expected.end_logprob):.2f}")
    listed = [(expected.hypothesis, expected.score), *((other.hypothesis, other.score) for other in expected.alternatives)]
    assert len(listed) == 3
    for number, (hypothesis, score) in enumerate(listed, 1):
        assert hypothesis in visitor.seen("text")
        assert f"{number} · {say('en', 'alternatives-score', score=f'{score:.3f}', share=f'{math.exp(score):.2f}')}" in visitor.seen("markdown")
    assert warnings_of(visitor) == []
    assert not visitor.app.error


def test_from_chinese_and_back_again(visit: Visit, translators: Path) -> None:
    visitor = visit("translation", source="zh", target="en")
    assert (visitor.app.selectbox(key=state.SOURCE_LANGUAGE).value, visitor.app.selectbox(key=state.TARGET_LANGUAGE).value) == ("zh", "en")
    visitor.translate(FILM_ZH)
    english = translator("translation").translate([FILM_ZH], "zh", "en")[0].hypothesis
    assert visitor.seen("text")[0] == english
    visitor.press("Translate back")
    assert visitor.app.text_area[0].value == english
    assert (visitor.app.selectbox(key=state.SOURCE_LANGUAGE).value, visitor.app.selectbox(key=state.TARGET_LANGUAGE).value) == ("en", "zh")
    assert visitor.seen("text")[0] == translator("translation").translate([english], "en", "zh")[0].hypothesis


def test_targets_follow_the_source(visit: Visit, translators: Path) -> None:
    visitor = visit("translation")
    assert visitor.app.selectbox(key=state.TARGET_LANGUAGE).options == ["Chinese · zh", "German · de"]
    visitor.app.selectbox(key=state.SOURCE_LANGUAGE).set_value("zh")
    visitor.run()
    assert visitor.app.selectbox(key=state.TARGET_LANGUAGE).options == ["English · en"]
    assert visitor.app.selectbox(key=state.TARGET_LANGUAGE).value == "en"
    visitor.press("Swap")
    assert (visitor.app.selectbox(key=state.SOURCE_LANGUAGE).value, visitor.app.selectbox(key=state.TARGET_LANGUAGE).value) == ("en", "zh")
    visitor.app.selectbox(key=state.TARGET_LANGUAGE).set_value("de")
    visitor.run()
    assert next(button for button in visitor.app.button if button.label == "Swap").disabled, "nothing is translated from German"


@pytest.mark.parametrize("link", [{"source": "xx"}, {"source": "de", "target": "en"}, {"target": "<script>"}, {"source": "zh", "target": "zh"}])
def test_a_link_with_languages_that_are_not_there_opens(visit: Visit, translators: Path, link: dict[str, str]) -> None:
    visitor = visit("translation", **link)
    chosen = (visitor.app.selectbox(key=state.SOURCE_LANGUAGE).value, visitor.app.selectbox(key=state.TARGET_LANGUAGE).value)
    assert "-".join(chosen) in ("en-zh", "zh-en")


def test_an_example_fills_the_boxes_and_shows_its_reference(visit: Visit, translators: Path) -> None:
    visitor = visit("translation")
    examples = [button for button in visitor.app.button if (button.key or "").startswith(state.TRANSLATION_EXAMPLES)]
    assert len(examples) == 4
    assert all(button.help for button in examples)
    examples[0].click()
    visitor.run()
    sentence = next(s for s in read_translation_probe() if s.source == visitor.app.text_area[0].value)
    assert sentence.culture == "zh-CN"
    assert "idiom" in sentence.phenomena
    assert visitor.app.selectbox(key=state.SOURCE_LANGUAGE).value == "zh"
    assert sentence.reference in visitor.seen("text")
    assert any(shown.startswith("Reference written for this sentence. Marked: idiom") for shown in visitor.seen("caption"))
    assert not visitor.sees("translation-stale")


def test_only_cultures_the_model_can_translate_have_examples(visit: Visit, translators: Path) -> None:
    visitor = visit("translation")
    offered = {option.content for group in visitor.app.get("button_group") for option in group.proto.options}
    assert "China" in offered
    assert "Germany" in offered
    assert "France" not in offered


def test_too_long_says_what_was_cut(visit: Visit, translators: Path) -> None:
    content = "The waiter was very slow. " * 20
    visitor = visit("translation").translate(content)
    found = translator("translation").translate([content.strip()], "en", "zh")[0]
    place = found.source.truncated_at
    assert place is not None
    assert visitor.sees("translation-cut", seen=place, cut=len(content) - place, limit=POSITIONS)
    (shown,) = [value for value in visitor.seen("text") if "✂" in value]
    before, after = shown.strip("…").split(" ✂ ")
    assert content[:place].endswith(before)
    assert content[place:].startswith(after)


def test_repeated_and_unfinished_translations_are_said(visit: Visit, translators: Path) -> None:
    visitor = visit("translation")
    visitor.app.selectbox(key=state.TRANSLATOR).set_value("stutterer")
    visitor.run().translate(FILM)
    found = load_translator(str(translators / "stutterer")).translate([FILM], "en", "zh")[0]
    assert found.repeated is not None
    assert found.unfinished
    assert warnings_of(visitor) == [say("en", "translation-repeated"), say("en", "translation-unfinished", count=len(found.tokens))]
    (marked,) = [value for value in visitor.seen("text") if "【" in value]
    start, end = found.repeated
    assert found.hypothesis[start:end].startswith(marked.split("【")[1].split("】")[0].rstrip("…"))


def test_another_language_and_an_unknown_script_are_said_but_translated(visit: Visit, translators: Path) -> None:
    arabic = "الخدمة كانت سيئة جدا والأكل بارد."
    visitor = visit("translation").translate(arabic)
    assert visitor.sees("translation-other-language", language="English")
    assert visitor.sees("translation-unknown-script")
    assert visitor.seen("text")[0] == translator("translation").translate([arabic], "en", "zh")[0].hypothesis
    assert warnings_of(visitor.translate(FILM)) == []


@pytest.mark.parametrize("content", ["12345", "😀😀", "12:30 – 14:00", "the 服务员 was slow 很慢"])
def test_digits_emoji_and_mixed_scripts_are_translated(visit: Visit, translators: Path, content: str) -> None:
    visitor = visit("translation").translate(content)
    found = translator("translation").translate([content], "en", "zh")[0]
    assert (found.hypothesis in visitor.seen("text")) if found.hypothesis else visitor.sees("translation-nothing")
    assert not visitor.app.error


def test_a_changed_sentence_or_pair_keeps_the_result_and_says_so(visit: Visit, translators: Path) -> None:
    visitor = visit("translation").translate(FILM)
    assert not visitor.sees("translation-stale")
    visitor.app.selectbox(key=state.TARGET_LANGUAGE).set_value("de")
    visitor.run()
    assert visitor.sees("translation-stale")
    assert FILM_ZH in visitor.seen("text")
    visitor.app.selectbox(key=state.TARGET_LANGUAGE).set_value("zh")
    visitor.app.text_area[0].set_value("Nobody told me.")
    visitor.run()
    assert visitor.sees("translation-stale")
    assert not visitor.translate("Nobody told me.").sees("translation-stale")


def test_a_broken_translator_is_one_sentence(visit: Visit, translators: Path) -> None:
    (translators / "translation" / "model.safetensors").write_bytes(b"half a file")
    visitor = visit("translation")
    assert visitor.sees("error-model")
    assert any(shown.startswith("The weights of") for shown in visitor.seen("text"))
    assert not visitor.app.text_area
    visitor.app.selectbox(key=state.TRANSLATOR).set_value("stutterer")
    assert visitor.run().sees("translation-empty"), "another model can still be chosen"


def test_in_chinese(visit: Visit, translators: Path, read_in: Callable[[str], None]) -> None:
    read_in("zh")
    visitor = visit("translation", lang="zh")
    assert visitor.seen("title") == [say("zh", "translation-title")]
    assert visitor.seen("info") == [say("zh", "translation-empty")]
    assert visitor.app.selectbox(key=state.TARGET_LANGUAGE).options == ["中文 · zh", "德语 · de"]


def test_a_model_that_names_no_languages_takes_what_the_reader_says(visit: Visit, translators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translator("translation"), "scheme", LanguageScheme("single", {}, ()))
    visitor = visit("translation")
    assert visitor.sees("translation-silent-model")
    assert visitor.app.selectbox(key=state.SOURCE_LANGUAGE).options == ["English · en", "Chinese · zh"]
    visitor.translate(FILM)
    assert visitor.sees("confidence-title")
    assert not visitor.app.error


def test_layers_of_another_model_are_chosen_anew(visit: Visit, translators: Path) -> None:
    visitor = visit("translation")
    visitor.app.session_state[state.CROSS_LAYER] = 7
    visitor.app.session_state[state.CROSS_HEAD] = 9
    visitor.translate(FILM).settle()
    assert visitor.app.selectbox(key=state.CROSS_LAYER).value == "best"
    assert visitor.app.selectbox(key=state.CROSS_HEAD).value == "all"
    assert not visitor.app.error
