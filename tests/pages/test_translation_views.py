"""The closer looks at a translation: every number shown is the one that xai gives."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.translator import Translation
from tests.tiny_translator import PAIRS
from ui import state
from ui.caches import job_runner, translator
from ui.texts import translate as say
from ui.translation_alignment import links_table, pairs_table
from ui.translation_contrast import likelier, stretches_table
from xai import TRANSLATION_METHODS, cross_attention
from xai.contrast import contrast
from xai.contributions import contributions
from xai.word_alignment import align, best_layer

Visit = Callable[..., Any]
FILM, FILM_ZH = PAIRS[0]
LANGUAGES = {"source_language": "en", "target_language": "zh"}
EDITED = PAIRS[3][1]


def own() -> Translation:
    found: Translation = translator("translation").translate([FILM], "en", "zh")[0]
    return found


def explained(method: str) -> Any:
    return TRANSLATION_METHODS[method](translator("translation"), FILM, own().hypothesis, **LANGUAGES)


def look(visitor: Any, view: str, method: str | None = None) -> Any:
    if method:
        visitor.app.session_state[state.TRANSLATION_METHOD] = method
    visitor.app.segmented_control(key=state.TRANSLATION_VIEW).set_value(view)
    return visitor.run().settle()


def component(visitor: Any, key: str) -> dict[str, Any]:
    (found,) = [found for found in visitor.app.get("bidi_component") if found.key == key]
    return dict(json.loads(found.proto.json))


def chart(visitor: Any, key: str) -> dict[str, Any]:
    (found,) = [found for found in visitor.app.get("plotly_chart") if found.proto.id.endswith(key)]
    return dict(json.loads(found.proto.spec))


def numbers(values: Any) -> np.ndarray:
    """An array as Plotly writes it: a list, or bytes with a type and a shape."""
    if isinstance(values, dict):
        flat = np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])
        return flat.reshape([int(size) for size in values["shape"].split(",")]) if "shape" in values else flat
    return np.array(values, dtype=float)


@pytest.mark.parametrize("method", ["occlusion", "input_x_gradient"])
def test_alignment_shows_attention_beside_attribution(visit: Visit, translators: Path, method: str) -> None:
    visitor = look(visit("translation").translate(FILM), "alignment", method)
    attention = cross_attention.maps(translator("translation"), FILM, own().hypothesis, **LANGUAGES).words()
    best = best_layer(attention.weights)
    weights, scores = attention.select(layer=best, head=None), explained(method).words().source_scores
    left, right = chart(visitor, "cross_attention_map"), chart(visitor, "attribution_map")
    assert numbers(left["data"][0]["z"]) == pytest.approx(weights, abs=1e-4)
    assert numbers(right["data"][0]["z"]) == pytest.approx(scores, abs=1e-4)
    for figure in (left, right):
        assert figure["layout"]["xaxis"]["ticktext"] == list(attention.source_tokens)
        assert figure["layout"]["yaxis"]["ticktext"] == list(attention.target_tokens)
    lines = component(visitor, "translation_links")
    assert numbers(lines["scores"]) == pytest.approx(scores, abs=1e-3)
    assert lines["signed"]
    assert visitor.sees("alignment-special", share=f"{1 - weights.sum(1).mean():.0%}")
    assert any("evaluations" in shown for shown in visitor.seen("markdown"))
    assert not visitor.app.error


def test_layer_and_head_are_chosen_and_the_lines_follow(visit: Visit, translators: Path) -> None:
    visitor = look(visit("translation").translate(FILM), "alignment")
    visitor.app.selectbox(key=state.CROSS_LAYER).set_value(1)
    visitor.app.selectbox(key=state.CROSS_HEAD).set_value(0)
    visitor.app.segmented_control(key=state.LINKS_BY).set_value("cross_attention")
    visitor.app.toggle(key=state.TRANSLATION_WORDS).set_value(False)
    visitor.run()
    attention = cross_attention.maps(translator("translation"), FILM, own().hypothesis, **LANGUAGES)
    assert numbers(chart(visitor, "cross_attention_map")["data"][0]["z"]) == pytest.approx(attention.weights[1, 0], abs=1e-4)
    lines = component(visitor, "translation_links")
    assert numbers(lines["scores"]) == pytest.approx(attention.weights[1, 0], abs=1e-3)
    assert lines["target"] == list(own().tokens)
    assert (lines["prefix"], lines["signed"]) == (None, False)


def test_links_are_those_of_both_matrices(visit: Visit, translators: Path) -> None:
    visitor = look(visit("translation").translate(FILM), "alignment")
    attention = cross_attention.maps(translator("translation"), FILM, own().hypothesis, **LANGUAGES).words()
    weights, attribution = attention.select(layer=best_layer(attention.weights), head=None), explained("occlusion").words()
    shown = next(frame.value for frame in visitor.app.dataframe if "attention_link" in frame.value)
    assert {(s - 1, t - 1) for s, t in shown.loc[shown["attention_link"], ["source", "target"]].itertuples(index=False)} == set(align(weights))
    assert {(s - 1, t - 1) for s, t in shown.loc[shown["attribution_link"], ["source", "target"]].itertuples(index=False)} == set(
        align(attribution.source_scores))
    for row in shown.itertuples():
        assert row.attention == pytest.approx(weights[row.target - 1, row.source - 1], abs=1e-4)
        assert row.attribution == pytest.approx(attribution.source_scores[row.target - 1, row.source - 1], abs=1e-4)
        assert (row.target_word, row.source_word) == (attention.target_tokens[row.target - 1], attention.source_tokens[row.source - 1])
    assert len(visitor.app.get("download_button")) == 3  # of links, of pairs, and of how far they can be trusted


def test_tables_without_an_attribution_hold_attention_alone(translators: Path) -> None:
    attention = cross_attention.maps(translator("translation"), FILM, FILM_ZH, **LANGUAGES)
    weights = attention.select(layer=0, head=None)
    assert "attribution" not in links_table(attention, weights, None)
    pairs = pairs_table(attention, weights, None)
    assert len(pairs) == weights.size
    assert pairs["attention"].to_numpy().reshape(weights.shape) == pytest.approx(weights)
    whole = pairs_table(attention, weights, explained("occlusion"))
    assert whole["occlusion"].to_numpy().reshape(weights.shape) == pytest.approx(explained("occlusion").source_scores)


def test_prefix_shows_shares_warnings_and_untouched_words(visit: Visit, translators: Path) -> None:
    visitor = look(visit("translation").translate(FILM), "prefix", "occlusion")
    shares = contributions(explained("occlusion").words())
    bars = chart(visitor, "prefix_bars")
    assert numbers(bars["data"][0]["y"]) == pytest.approx(shares.source_shares)
    assert numbers(bars["data"][0]["y"]) + numbers(bars["data"][1]["y"]) == pytest.approx(np.ones(len(shares.target_tokens)))
    target = next(frame.value for frame in visitor.app.dataframe if "source_share" in frame.value)
    assert target["source_share"].tolist() == pytest.approx(shares.source_shares, abs=1e-4)
    assert target["ignores_source"].tolist() == shares.ignores_source.tolist()
    source = next(frame.value for frame in visitor.app.dataframe if "touch" in frame.value)
    assert source["touch"].tolist() == pytest.approx(shares.touches, abs=1e-4)
    assert target["support"].tolist() == pytest.approx(shares.support, abs=1e-4)
    flagged = sum(shares.ignores_source)
    assert visitor.sees("prefix-no-warning", threshold="1%") == (flagged == 0)
    assert any("may be made up" in shown for shown in visitor.seen("warning")) == (flagged > 0)
    assert any("left untranslated" in shown for shown in visitor.seen("warning")) == bool(shares.untouched.any())


def test_a_made_up_translation_is_warned_of(visit: Visit, translators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A translator whose words come from its prefix alone."""
    real = TRANSLATION_METHODS["occlusion"]

    def from_the_prefix(*args: Any, **settings: Any) -> Any:
        found = real(*args, **settings)
        found.source_scores[1:] = 1e-6
        found.prefix_scores[1:] = np.tril(np.ones_like(found.prefix_scores), -1)[1:]
        return found

    monkeypatch.setitem(TRANSLATION_METHODS, "occlusion", from_the_prefix)
    visitor = look(visit("translation").translate(FILM), "prefix", "occlusion")
    (warning,) = [shown for shown in visitor.seen("warning") if "may be made up" in shown]
    words = [token for token in explained("occlusion").words().target_tokens if any(character.isalnum() for character in token)]
    assert warning.startswith(f"{len(words) - 1} words have no more than 1% net support" if len(words) > 2 else "One word has no more than 1%")
    assert all(f"{word} (0%)" in warning for word in words[1:])


def compare(visitor: Any, edited: str) -> Any:
    visitor.app.text_area(key=state.TRANSLATION_EDITED).set_value(edited)
    return visitor.press("Compare").settle()


def test_contrast_scores_both_and_says_what_favours_which(visit: Visit, translators: Path) -> None:
    visitor = look(visit("translation").translate(FILM), "contrast", "occlusion")
    assert visitor.app.text_area(key=state.TRANSLATION_EDITED).value == own().hypothesis
    assert visitor.seen("info") == [say("en", "contrast-empty")]
    visitor.app.toggle(key=state.TRANSLATION_WORDS).set_value(False)
    compare(visitor, EDITED)
    model = translator("translation")
    (forced,) = model.score([FILM], [EDITED], "en", "zh")
    for letter, scored in (("A", own()), ("B", forced)):
        shown = component(visitor, f"contrast_confidence_{letter}")["tokens"]
        assert [token["text"] for token in shown] == list(scored.tokens)
        assert [token["share"] for token in shown] == pytest.approx([1 - math.exp(value) for value in scored.token_logprobs])
        whole = sum(scored.token_logprobs) + scored.end_logprob
        assert visitor.sees("contrast-score", whole=f"{whole:.3f}", mean=f"{scored.score:.3f}", share=f"{math.exp(scored.score):.2f}")
    found = contrast(model, FILM, own().hypothesis, EDITED, "occlusion", **LANGUAGES)
    assert found.stretches
    for number, stretch in enumerate(found.stretches):
        row = component(visitor, f"contrast_source_{number}")["tokens"]
        assert [token["text"] for token in row] == list(found.source.tokens)
        assert [float(token["score"]) for token in row] == pytest.approx(stretch.source_scores, abs=6e-4)
        assert visitor.sees("contrast-logprob", logprob=f"{stretch.logprob_a:.3f}")
        assert visitor.sees("contrast-logprob", logprob=f"{stretch.logprob_b:.3f}")
    table = next(frame.value for frame in visitor.app.dataframe if "favours_a" in frame.value)
    pd.testing.assert_frame_equal(table.reset_index(drop=True), stretches_table(found), check_dtype=False)
    assert len(table) == sum(len(found.source.tokens) + len(stretch.prefix_tokens) for stretch in found.stretches)


def test_contrast_by_words_sums_the_tokens(visit: Visit, translators: Path) -> None:
    visitor = compare(look(visit("translation").translate(FILM), "contrast", "occlusion"), FILM_ZH[:-4] + "好。")
    found = contrast(translator("translation"), FILM, own().hypothesis, FILM_ZH[:-4] + "好。", "occlusion", **LANGUAGES)
    row = component(visitor, "contrast_source_0")["tokens"]
    assert [token["text"] for token in row] == ["The", "film", "was", "not", "bad", "at", "all", "."]
    assert sum(float(token["score"]) for token in row) == pytest.approx(found.stretches[0].source_scores.sum(), abs=6e-3)
    assert found.stretches[0].prefix_tokens
    prefix = component(visitor, "contrast_prefix_0")["tokens"]
    assert "".join(token["text"] for token in prefix) == "".join(found.stretches[0].prefix_tokens)


@pytest.mark.parametrize(("edited", "key"), [("", "error-text-empty"), ("\u200b", "error-text-invisible")])
def test_an_empty_edit_is_one_sentence(visit: Visit, translators: Path, edited: str, key: str) -> None:
    visitor = compare(look(visit("translation").translate(FILM), "contrast"), edited)
    assert visitor.sees(key)
    assert FILM_ZH in visitor.seen("text"), "the translation above stays"


def test_the_same_translation_is_no_contrast(visit: Visit, translators: Path) -> None:
    visitor = compare(look(visit("translation").translate(FILM), "contrast"), f" {own().hypothesis} ")
    assert visitor.seen("info") == [say("en", "contrast-same")]


def test_a_typed_translation_longer_than_the_model_reads_is_cut_and_said(visit: Visit, translators: Path) -> None:
    visitor = compare(look(visit("translation").translate(FILM), "contrast", "occlusion"), EDITED * 30)
    (forced,) = translator("translation").score([FILM], [EDITED * 30], "en", "zh")
    assert forced.target.truncated_at is not None
    assert visitor.sees("contrast-cut", cut=len(EDITED * 30) - forced.target.truncated_at)


def test_another_sentence_empties_the_edit(visit: Visit, translators: Path) -> None:
    visitor = compare(look(visit("translation").translate(FILM), "contrast"), EDITED)
    visitor.translate(PAIRS[1][0])
    assert visitor.app.text_area(key=state.TRANSLATION_EDITED).value == translator("translation").translate([PAIRS[1][0]], "en", "zh")[0].hypothesis
    assert visitor.seen("info") == [say("en", "contrast-empty")]


@pytest.mark.parametrize("method", [name for name in TRANSLATION_METHODS if name != "cross_attention"])
def test_every_method_can_be_chosen_and_shows_what_it_found(visit: Visit, translators: Path, method: str) -> None:
    visitor = look(visit("translation").translate("Nobody told me."), "prefix", method)
    names = visitor.app.selectbox(key=state.TRANSLATION_METHOD).options
    assert names == [say("en", f"method-{name}") for name in TRANSLATION_METHODS if name != "cross_attention"]
    found = TRANSLATION_METHODS[method](translator("translation"), "Nobody told me.", None, **LANGUAGES)
    shown = next(frame.value for frame in visitor.app.dataframe if "source_share" in frame.value)
    assert shown["source_share"].tolist() == pytest.approx(contributions(found.words()).source_shares, abs=1e-4)


def test_a_csv_of_everything_can_be_read_back(translators: Path) -> None:
    from ui.tables import csv_bytes

    attention = cross_attention.maps(translator("translation"), FILM, FILM_ZH, **LANGUAGES)
    weights = attention.select(layer=0, head=None)
    read = pd.read_csv(io.BytesIO(csv_bytes(pairs_table(attention, weights, explained("occlusion")))), encoding="utf-8-sig")
    assert read["attention"].to_numpy().reshape(weights.shape) == pytest.approx(weights, abs=1e-6)


def test_a_translation_of_nothing_has_no_views(visit: Visit, translators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = translator("translation")
    monkeypatch.setattr(model, "_decode", lambda beam: [""])
    visitor = visit("translation").translate(FILM)
    assert say("en", "translation-nothing") in visitor.seen("warning")
    assert not visitor.app.get("plotly_chart")
    assert "translation-title" not in {job.title for job in job_runner()._jobs.values()}


@pytest.mark.parametrize(
    ("difference", "shown"),
    [
        (math.log(2), "A is 2.0 times as likely as B (+0.693 nats)"), (-math.log(10), "B is 10.0 times as likely as A (-2.303 nats)"),
        (20.0, "A is 5e+08 times as likely as B (+20.000 nats)"), (0.0, "A is 1.0 times as likely as B (+0.000 nats)"),
    ],
)
def test_likelier_in_words(difference: float, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.translation_contrast.text", lambda key, **values: say("en", key, **values))
    assert likelier(difference) == shown


def test_results_are_kept_for_the_next_visitor(visit: Visit, translators: Path) -> None:
    look(visit("translation").translate(FILM), "alignment")
    kept = set(job_runner()._results)
    look(visit("translation").translate(FILM), "alignment")
    assert set(job_runner()._results) == kept
