from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.errors import InputError, ModelError
from models.tokens import TokenizedText
from models.translator import Translator
from tests.xai.conftest import SENTENCES
from xai import TRANSLATION_METHODS
from xai.contributions import TELLING, calibrate, contributions, separate, support
from xai.sequence_attribution import SequenceAttribution

LANGUAGES = {"source_language": "en", "target_language": "zh"}


def text(*tokens: str) -> TokenizedText:
    whole, offsets = " ".join(tokens), []
    for token in tokens:
        start = offsets[-1][1] + 1 if offsets else 0
        offsets.append((start, start + len(token)))
    places = range(len(tokens))
    return TokenizedText(whole, tuple(places), (False,) * len(tokens), tuple(offsets), tuple((place,) for place in places), tuple(places), None)


def make(**changes: Any) -> SequenceAttribution:
    values: dict[str, Any] = {
        "method": "occlusion", "source": text("tea", "hot", "."), "target": text("茶", "x", "!"), "source_language": "en",
        "target_language": "zh",
        "source_scores": np.array([[3.0, 0.5, 0.5], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
        "prefix_scores": np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [1.0, -2.0, 0.0]]),
        "values": np.zeros(3), "base_values": np.zeros(3), "convergence_delta": None, "evaluations": 1, "seconds": 0.1,
    }
    return SequenceAttribution(**{**values, **changes})


def test_shares_and_warnings_by_hand() -> None:
    found = contributions(make())
    assert found.source_shares == pytest.approx([1.0, 0.25, 0.25])
    assert found.support == pytest.approx([1.0, -0.25, -0.25])
    assert found.ignores_source.tolist() == [False, True, False], "punctuation needs no source"
    assert found.touches == pytest.approx([0.75, 0.125, 0.125])
    assert found.touch_threshold == pytest.approx(1 / 3)
    assert found.untouched.tolist() == [False, True, False], "punctuation may be left out"
    assert (found.target_tokens, found.source_tokens) == (("茶", "x", "!"), ("tea", "hot", "."))


def test_what_speaks_against_a_token_does_not_touch_it() -> None:
    scores = np.array([[1.0, 0.0, 0.0], [1.0, -5.0, 0.0], [1.0, 0.0, 0.0]])
    assert contributions(make(source_scores=scores)).untouched.tolist() == [False, True, False]


def test_threshold_is_the_readers() -> None:
    assert contributions(make(), threshold=-0.5).ignores_source.tolist() == [False, False, False]
    assert contributions(make(), threshold=1.0).ignores_source.tolist() == [True, True, False]
    with pytest.raises(InputError, match="The threshold is 2, expected -1 to 1"):
        contributions(make(), threshold=2)


def test_methods_that_cannot_tell_do_not_warn() -> None:
    for method in ("cross_attention", "input_x_gradient", "saliency"):
        found = contributions(make(method=method))
        assert not found.warns and not found.ignores_source.any() and not found.untouched.any()
        assert found.source_shares == pytest.approx([1.0, 0.25, 0.25])


def test_nothing_at_all_is_neither_share_nor_warning_of_a_prefix() -> None:
    found = contributions(make(source_scores=np.zeros((3, 3)), prefix_scores=None))
    assert found.source_shares.tolist() == [1.0, 1.0, 1.0]
    assert found.support.tolist() == found.touches.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("method", TRANSLATION_METHODS)
def test_shares_lie_between_0_and_1(tiny_translator: Translator, method: str) -> None:
    settings: dict[str, Any] = {"shap": {"max_evals": 40}, "lime": {"num_samples": 40}}.get(method, {})
    attribution = TRANSLATION_METHODS[method](tiny_translator, SENTENCES[0], "Wir trinken heute Tee.", **LANGUAGES, **settings)
    for found in (contributions(attribution), contributions(attribution.words())):
        assert found.source_shares[0] == 1
        for values in (found.source_shares, found.touches):
            assert (values >= 0).all() and (values <= 1 + 1e-9).all()
        assert (np.abs(found.support) <= found.source_shares + 1e-9).all()
        assert found.warns == (method in TELLING)


def test_the_threshold_that_separates_best() -> None:
    found = separate(np.array([0.1, 0.4, 0.5, -0.3]), np.array([-0.5, -0.2, 0.0, 0.3]))
    assert (found.threshold, found.caught, found.false_alarms, found.words) == (0.0, 0.75, 0.25, 4)
    assert separate(np.array([0.1, 0.4, -0.3]), np.array([-0.5, 0.3]), 0.2).false_alarms == pytest.approx(2 / 3)
    perfect = separate(np.array([0.5, 0.6]), np.array([-0.5, -0.6]))
    assert (perfect.threshold, perfect.caught, perfect.false_alarms) == (-0.5, 1.0, 0.0)


def test_calibration_forces_translations_on_the_next_source(tiny_m2m100: Translator) -> None:
    texts, seen = [SENTENCES[0], SENTENCES[3]], []
    found = calibrate(tiny_m2m100, texts, "occlusion", **LANGUAGES, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    written = [translation.hypothesis for translation in tiny_m2m100.translate(texts, "en", "zh")]

    def told(sources: list[str]) -> np.ndarray:
        attributions = [TRANSLATION_METHODS["occlusion"](tiny_m2m100, source, target, **LANGUAGES).words()
                        for source, target in zip(sources, written, strict=True)]
        return np.concatenate([support(a)[[any(map(str.isalnum, token)) for token in a.target_tokens]] for a in attributions])

    assert found == separate(told(texts), told(texts[::-1]))
    with pytest.raises(InputError, match="1 texts and the method occlusion came, expected at least 2 texts and one of shap, lime"):
        calibrate(tiny_m2m100, texts[:1], "occlusion", **LANGUAGES)
    with pytest.raises(InputError, match="the method cross_attention came"):
        calibrate(tiny_m2m100, texts, "cross_attention", **LANGUAGES)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match=r"touches of shape \(2,\), expected \(3,\)"):
        replace(contributions(make()), touches=np.zeros(2))
