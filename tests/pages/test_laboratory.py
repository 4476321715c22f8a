"""The attention laboratory on both pages: every number shown is the one that xai gives."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ui.attention_drawing
from tests.pages.test_translation_views import EDITED, FILM, LANGUAGES, look, own
from ui import state
from ui.attention_drawing import chosen
from ui.caches import classifier, job_runner, translator
from ui.texts import translate
from xai import METHODS, attention, cross_attention
from xai.attention_agreement import compare_with_attribution
from xai.attention_view import AttentionBlock
from xai.forced_pair import force
from xai.head_knockout import knock_out_heads, knock_out_pair_heads, predict_without, score_without
from xai.word_alignment import best_layer

Visit = Callable[..., Any]
SOUP = "The soup was cold and the waiter was rude."


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Stands in for the browser, which AppTest lacks: what a person has chosen in the drawing."""
    mount = ui.attention_drawing._component

    def choose(look: dict[str, Any] | None = None, off: list[list[Any]] | None = None) -> None:
        def answer(**settings: Any) -> SimpleNamespace:
            mount(**settings)
            return SimpleNamespace(look=look, off=off or [])

        monkeypatch.setattr(ui.attention_drawing, "_component", answer)

    return choose


def open_laboratory(visitor: Any) -> Any:
    visitor.app.segmented_control(key=state.SENTIMENT_VIEW).set_value("laboratory")
    return visitor.run().settle()


def drawn(visitor: Any) -> dict[str, Any]:
    (found,) = [found for found in visitor.app.get("bidi_component") if (found.key or "").startswith("attention-")]
    return dict(json.loads(found.proto.json))


def weights(block: dict[str, Any], name: str) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(block["maps"][name]["bytes"]), dtype=np.uint8) / 255
    return flat.reshape(-1, len(block["rows"]), len(block["columns"]))


def table(visitor: Any, column: str) -> Any:
    (found,) = [frame.value for frame in visitor.app.dataframe if column in frame.value]
    return found


def test_the_laboratory_is_a_view_and_draws_the_maps_of_the_model(visit: Visit) -> None:
    visitor = open_laboratory(visit("sentiment").ask(SOUP))
    found = attention.maps(classifier("sentiment"), SOUP).words()
    data = drawn(visitor)
    (block,) = data["blocks"]
    assert block["rows"] == list(found.tokens)
    assert weights(block, "attention").reshape(found.weights.shape) == pytest.approx(found.weights, abs=0.002)
    assert set(block["maps"]) == {"attention", "value_weighted", "rollout", "flow"}
    assert block["maps"]["flow"]["known"] == [0]
    assert block["effects"] is None
    assert data["texts"]["caution"] == translate("en", "laboratory-caution")
    assert visitor.sees("laboratory-caution")
    assert visitor.sees("laboratory-none-off")
    assert not visitor.app.error
    names = dict(data["facts"])
    assert names["Text"] == SOUP
    assert names["Fingerprint"] == classifier("sentiment").fingerprint


def test_tokens_in_place_of_words(visit: Visit) -> None:
    visitor = open_laboratory(visit("sentiment").ask(SOUP))
    visitor.app.toggle(key=state.LABORATORY_WORDS).set_value(False)
    visitor.run()
    assert drawn(visitor)["blocks"][0]["rows"] == list(attention.maps(classifier("sentiment"), SOUP).tokens)


def test_what_each_head_does_is_measured_on_request(visit: Visit) -> None:
    visitor = open_laboratory(visit("sentiment").ask(SOUP))
    visitor.press(translate("en", "laboratory-measure")).settle()
    model = classifier("sentiment")
    expected = knock_out_heads(model, SOUP, model.predict([SOUP])[0].label)
    assert drawn(visitor)["blocks"][0]["effects"] == pytest.approx(expected.effects["encoder"], abs=1e-5)
    shown = table(visitor, "effect")
    assert len(shown) == expected.effects["encoder"].size
    for _, row in shown.iterrows():
        assert row["effect"] == pytest.approx(expected.effects["encoder"][row["layer"] - 1, row["head"] - 1], abs=1e-5)
    assert shown["effect"].abs().is_monotonic_decreasing
    other = next(label for label in model.labels if label != expected.target)
    visitor.app.segmented_control(key=state.TARGET).set_value(other)
    assert drawn(visitor.run())["blocks"][0]["effects"] is None  # of another label


def test_heads_that_are_switched_off_change_the_probabilities(visit: Visit, choose: Callable[..., None]) -> None:
    choose(off=[["encoder", 1, 0], ["encoder", 0, 1], ["encoder", 9, 9], ["nowhere", 0, 0]])
    visitor = open_laboratory(visit("sentiment").ask(SOUP))
    model = classifier("sentiment")
    without = predict_without(model, SOUP, [(0, 1), (1, 0)])
    probabilities = model.predict([SOUP])[0].probabilities
    assert any(f"{before:.3f}" != f"{without[label]:.3f}" for label, before in probabilities.items())
    assert [bar.text for bar in visitor.app.progress] == [f"{label}  {before:.3f} → {without[label]:.3f}" for label, before in probabilities.items()]
    assert visitor.sees("laboratory-off", count=2, heads="Encoder 2.1, Encoder 1.2")


def test_attention_is_compared_with_the_explanations_that_are_there(visit: Visit, choose: Callable[..., None]) -> None:
    choose(look={"block": "encoder", "kind": "attention", "layer": 1, "head": 0})
    visitor = visit("sentiment").ask(SOUP).settle()
    open_laboratory(visitor)
    model = classifier("sentiment")
    found = attention.maps(model, SOUP)
    occlusion = METHODS["occlusion"](model, SOUP, model.predict([SOUP])[0].label, seed=0).words()
    shown = table(visitor, "Rollout").set_index(translate("en", "translation-method"))
    assert list(shown) == ["Rollout", "Flow", "Value-weighted", "Attention · layer 2, head 1"]
    words = [word for word in found.word_ids if word is not None]
    for name, matrix in {"Rollout": found.rollout(), "Attention · layer 2, head 1": found.weights[1, 0]}.items():
        inside = [share for share, word in zip(matrix[0], found.word_ids, strict=True) if word is not None]
        expected = compare_with_attribution(np.bincount(words, weights=inside), occlusion)
        assert shown.loc[translate("en", "method-occlusion"), name] == pytest.approx(expected.kendall_tau, abs=0.006)
    everything = table(visitor, "kendall_tau")
    assert len(everything) == 4 * (len(METHODS) - 1)
    agree = int(((everything["kendall_tau"] > 0) & (everything["p_value"] <= 0.05)).sum())
    assert visitor.sees("laboratory-disagreement-reading", agree=agree, total=len(everything))


def test_without_any_explanation_it_says_where_to_get_one(visit: Visit) -> None:
    visitor = open_laboratory(visit("sentiment").ask(SOUP))
    assert visitor.ask("Nothing was explained here.").settle().sees("laboratory-disagreement-none")


def test_another_text_stops_what_was_asked_of_the_one_before(visit: Visit, slow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import ui.laboratory

    running = slow(lambda *args, **settings: None)
    monkeypatch.setattr(ui.laboratory, "attention_flow", running)
    visitor = visit("sentiment").ask(SOUP)
    visitor.app.segmented_control(key=state.SENTIMENT_VIEW).set_value("laboratory")
    visitor.run()
    (first,) = [job for job in job_runner()._jobs.values() if job.title == "laboratory-flow-running"]
    visitor.ask("Another soup.")
    assert first.cancel.is_set()
    running.ended = True


def test_the_translation_has_encoder_decoder_and_cross_attention(visit: Visit, translators: Path, choose: Callable[..., None]) -> None:
    choose(off=[["cross", 1, 0]])
    visitor = look(visit("translation").translate(FILM), "laboratory", "occlusion")
    model, translation = translator("translation"), own()
    pair = force(model, FILM, translation.hypothesis, **LANGUAGES)
    found = cross_attention.maps(model, FILM, translation.hypothesis, **LANGUAGES).words()
    blocks = {block["name"]: block for block in drawn(visitor)["blocks"]}
    assert list(blocks) == ["cross", "encoder", "decoder"]
    assert blocks["cross"]["best_layer"] == best_layer(found.weights)
    assert weights(blocks["cross"], "attention").reshape(found.weights.shape) == pytest.approx(found.weights, abs=0.002)
    assert blocks["cross"]["columns"] == list(found.source_tokens)
    assert blocks["cross"]["rows"] == blocks["decoder"]["columns"] == list(found.target_tokens)
    before, after = score_without(pair, []), score_without(pair, [("cross", 1, 0)])
    assert before == pytest.approx(translation.token_logprobs, abs=1e-4)
    assert visitor.sees("laboratory-score", before=f"{before.sum():.3f}", after=f"{after.sum():.3f}")
    assert table(visitor, "without")["without"].to_numpy() == pytest.approx(np.exp(after), abs=1e-4)
    visitor.press(translate("en", "laboratory-measure")).settle()
    expected = knock_out_pair_heads(pair)
    for block in drawn(visitor)["blocks"]:
        assert block["effects"] == pytest.approx(expected.effects[block["name"]], abs=1e-4)


def test_a_translation_is_compared_with_its_explanations(visit: Visit, translators: Path) -> None:
    visitor = look(visit("translation").translate(FILM), "alignment", "occlusion")
    look(visitor, "laboratory")
    shown = table(visitor, "kendall_tau")
    assert set(shown["method"]) == {"occlusion"}
    assert len(shown) == 4
    assert shown["kendall_tau"].between(-1, 1).all()
    visitor.app.text_area[0].set_value(EDITED)
    assert visitor.press("Translate").settle().sees("laboratory-disagreement-none-translation")


@pytest.mark.parametrize("hostile", ["<b>x</b> bad", "![x](http://127.0.0.1:9/x.png) **bad**", "</script><script>alert(1)</script> bad"])
def test_text_from_people_is_only_data(visit: Visit, hostile: str) -> None:
    visitor = open_laboratory(visit("sentiment").ask(hostile))
    assert not any(hostile in shown for shown in visitor.markdown())
    assert dict(drawn(visitor)["facts"])["Text"] == hostile


def test_both_languages_name_everything(visit: Visit, read_in: Callable[[str], None]) -> None:
    read_in("zh")
    visitor = visit("sentiment", lang="zh")
    visitor.app.text_area[0].set_value(SOUP)
    visitor.press(translate("zh", "sentiment-explain"))
    open_laboratory(visitor)
    texts = drawn(visitor)["texts"]
    assert texts["rollout"] == "注意力传播"
    assert texts["layer_head"] == "第 {layer} 层第 {head} 头"
    assert set(texts) == set(ui.attention_drawing.drawing_texts())


def block(name: str, best: int | None = None) -> AttentionBlock:
    return AttentionBlock(name, ("a",), ("a",), (False, False), {"attention": np.ones((2, 3, 1, 1)), "rollout": np.ones((1, 1))}, best_layer=best)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (None, ("cross", "attention", 1, None)), ("nonsense", ("cross", "attention", None, None)), ({}, ("cross", "attention", 1, None)),
        ({"block": "encoder", "kind": "rollout", "layer": 1, "head": 2}, ("encoder", "rollout", 1, 2)),
        ({"block": "encoder", "kind": "flow", "layer": 2, "head": 2}, ("encoder", "attention", None, None)),
        ({"block": ["cross"], "kind": {}, "layer": True, "head": -1}, ("cross", "attention", None, None)),
        ({"block": "encoder", "kind": "attention", "layer": 0.5, "head": 0}, ("encoder", "attention", None, None)),
    ],
)
def test_only_what_exists_can_be_chosen(look: Any, expected: tuple[Any, ...]) -> None:
    found = chosen(look, [], [block("cross", 1), block("encoder")])
    assert (found.block, found.kind, found.layer, found.head) == expected


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        ([["cross", 1, 2], ["cross", 1, 2]], (("cross", 1, 2),)), ([["cross", 2, 0]], ()), ([["decoder", 0, 0]], ()), ([[[], 0, 0]], ()),
        ([["cross", "1", 0]], ()), ([["cross", -1, 0]], ()), ("cross", ()), (None, ()), ([1, None, ["cross", 0]], ()),
    ],
)
def test_only_heads_that_exist_can_be_switched_off(off: Any, expected: tuple[Any, ...]) -> None:
    assert chosen(None, off, [block("cross", 1)]).off == expected
