from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.errors import Cancelled, InputError, ModelError
from models.translator import Translator
from tests.xai.conftest import SENTENCES
from xai.contrast import ContrastAttribution, ContrastStretch, contrast, differing_blocks
from xai.methods import SEQUENCE_METHODS

SOURCE = SENTENCES[0]
LANGUAGES = {"source_language": "en", "target_language": "zh"}
METHODS = tuple(name for name in SEQUENCE_METHODS if name != "cross_attention")
QUICK: dict[str, dict[str, Any]] = {"shap": {"max_evals": 60}, "lime": {"num_samples": 60}}
PAIRS = (
    ("我们喝茶。", "我们喝书。"),
    ("我们喝茶。", "我们今天在花园里喝茶。"),  # B has more
    ("Wir trinken heute Tee.", "Wir trinken Tee"),  # A has more, at two places, the end among them
    ("good 😀 Tee", "very very good Tee"),
)


def find(translator: Translator, a: str | None, b: str, method: str = "occlusion", **settings: Any) -> ContrastAttribution:
    return contrast(translator, SOURCE, a, b, method, **LANGUAGES, **{**QUICK.get(method, {}), **settings})


@pytest.mark.parametrize("method", METHODS)
def test_a_against_a_is_nothing(tiny_translator: Translator, method: str) -> None:
    found = find(tiny_translator, "我们喝茶。", "我们喝茶。", method)
    assert found.stretches == ()
    assert found.difference == 0
    assert found.logprob_a == found.logprob_b


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("texts", PAIRS, ids=range(len(PAIRS)))
def test_every_stretch_fits_its_texts(tiny_translator: Translator, method: str, texts: tuple[str, str]) -> None:
    found = find(tiny_translator, *texts, method)
    assert found.method == method and found.stretches and found.evaluations > 2
    for stretch in found.stretches:
        for text, span, target in ((stretch.text_a, stretch.span_a, found.target_a), (stretch.text_b, stretch.span_b, found.target_b)):
            assert target.text[slice(*span)] == text
        assert stretch.prefix_tokens == tuple(token for token, (_, end) in zip(found.target_a.tokens, found.target_a.offsets, strict=True)
                                              if end <= stretch.span_a[0])
        assert stretch.source_scores.shape == (len(found.source.offsets),)
        assert np.isfinite(stretch.source_scores).all() and np.isfinite(stretch.prefix_scores).all()
    assert found.stretches[0].difference != 0


@pytest.mark.parametrize(("method", "share"), [("shap", 0.0), ("integrated_gradients", 0.02)])
@pytest.mark.parametrize("texts", PAIRS, ids=range(len(PAIRS)))
def test_contrasts_of_additive_methods_add_up(tiny_translator: Translator, method: str, share: float, texts: tuple[str, str]) -> None:
    for stretch in find(tiny_translator, *texts, method).stretches:
        moved = stretch.difference - (stretch.base_a - stretch.base_b)
        bound = share * (abs(stretch.logprob_a - stretch.base_a) + abs(stretch.logprob_b - stretch.base_b))
        assert stretch.source_scores.sum() + stretch.prefix_scores.sum() == pytest.approx(moved, abs=bound + 1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_the_other_way_round_is_the_same_with_the_other_sign(tiny_translator: Translator, method: str) -> None:
    """Where they differ once, behind the same beginning."""
    forth, back = find(tiny_translator, *PAIRS[0], method), find(tiny_translator, *PAIRS[0][::-1], method)
    assert forth.difference == pytest.approx(-back.difference, abs=1e-6)
    (one,), (other,) = forth.stretches, back.stretches
    assert one.difference == pytest.approx(-other.difference, abs=1e-5)
    assert one.source_scores == pytest.approx(-other.source_scores, abs=1e-4)
    assert one.prefix_scores == pytest.approx(-other.prefix_scores, abs=1e-4)


def chances(translator: Translator, hypothesis: str) -> tuple[Any, np.ndarray]:
    """A scored translation, and the log-probability of each id by the model's own forward pass (ids - 1,)."""
    forced = translator.score([SOURCE], [hypothesis], "en", "zh")[0]
    source, target = torch.tensor([forced.source.input_ids]), torch.tensor([forced.target.input_ids])
    with torch.no_grad():
        logits = translator.model(input_ids=source, decoder_input_ids=target[:, :-1]).logits[0]
    return forced, logits.log_softmax(-1)[torch.arange(target.shape[1] - 1), target[0, 1:]].numpy()


def test_a_single_change_compares_what_the_model_says_there(tiny_translator: Translator) -> None:
    found = find(tiny_translator, "我们喝茶。", "我们喝书。")
    (stretch,) = found.stretches
    for text, target, given in ((stretch.text_a, "我们喝茶。", stretch.logprob_a), (stretch.text_b, "我们喝书。", stretch.logprob_b)):
        forced, said = chances(tiny_translator, target)
        start = target.index(text)
        rows = [row for row, (a, b) in enumerate(forced.target.offsets) if start <= a and b <= start + len(text)]
        assert given == pytest.approx(sum(said[place - 1] for row in rows for place in forced.target.positions[row]), abs=1e-4)
    assert (found.logprob_a, found.logprob_b) == pytest.approx([chances(tiny_translator, text)[1].sum() for text in ("我们喝茶。", "我们喝书。")], abs=1e-4)


def test_more_words_are_compared_with_going_on_at_once(tiny_m2m100: Translator) -> None:
    """A goes on with what B says later: both stretches end with the word they share."""
    (stretch,) = find(tiny_m2m100, "Wir trinken Tee", "Wir trinken heute Tee").stretches
    assert (stretch.text_a, stretch.text_b) == ("Tee", "heute Tee")
    assert stretch.prefix_tokens and "".join(stretch.prefix_tokens) == "Wirtrinken"


def test_the_end_of_the_sentence_is_something_to_say(tiny_m2m100: Translator) -> None:
    """A ends where B goes on: the end token is what A says there."""
    (stretch,) = find(tiny_m2m100, "Wir trinken", "Wir trinken Tee").stretches
    assert (stretch.text_a, stretch.text_b) == ("", "Tee")
    assert stretch.span_a == (11, 11)
    ended = tiny_m2m100.score([SOURCE], ["Wir trinken"], "en", "zh")[0]
    assert stretch.logprob_a == pytest.approx(ended.end_logprob, abs=1e-4)


def test_without_a_hypothesis_a_is_the_models_own(tiny_m2m100: Translator) -> None:
    own = tiny_m2m100.translate([SOURCE], "en", "zh")[0]
    found = find(tiny_m2m100, None, "我们喝茶。")
    assert found.target_a.text == own.hypothesis
    assert found.logprob_a == pytest.approx(sum(own.token_logprobs) + own.end_logprob, abs=1e-4)


@pytest.mark.parametrize(("a", "b", "stretches"), [
    ("abc.", "abc.", []),
    ("abc.", "axc.", [("b", "x")]),
    ("abc.", "axyc.", [("b", "xy")]),
    ("ac.", "abc.", [("c", "bc")]),
    ("ab.", "a.", [("b.", ".")]),
    ("vg.", "vvg.", [("vg", "vvg")]),
    ("ab.", "aab.", [("ab", "aab")]),
    (".", "ab.", [(".", "ab.")]),
    ("abcd.", "xbcy.", [("a", "x"), ("d", "y")]),
    ("bcd.", "abcbce.", [("b", "ab"), ("d", "bce")]),
])
def test_blocks_exclude_each_other(a: str, b: str, stretches: list[tuple[str, str]]) -> None:
    """The dot stands for the end of the sentence."""
    blocks = differing_blocks(*([(ord(character),) for character in text] for text in (a, b)))
    assert [(a[block[0] : block[1]], b[block[2] : block[3]]) for block in blocks] == stretches
    for one, other in stretches:
        assert not one.startswith(other) and not other.startswith(one)


def test_bad_input_gets_one_sentence(tiny_m2m100: Translator) -> None:
    with pytest.raises(InputError, match="cross_attention does not say what favours one translation over another; choose one of shap, lime"):
        find(tiny_m2m100, "我", "你", "cross_attention")
    with pytest.raises(InputError, match="choose one of shap"):
        find(tiny_m2m100, "我", "你", "magic")
    with pytest.raises(InputError, match="The text is empty"):
        find(tiny_m2m100, "我", "  ")


def test_progress_runs_once_over_all_parts_and_can_cancel(tiny_m2m100: Translator) -> None:
    seen: list[tuple[int, int]] = []
    find(tiny_m2m100, *PAIRS[2], progress=lambda done, total: seen.append((done, total)))
    assert len({total for _, total in seen}) == 1
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1]

    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        find(tiny_m2m100, *PAIRS[2], progress=stop)


def test_what_does_not_fit_is_refused(tiny_m2m100: Translator) -> None:
    with pytest.raises(ModelError, match=r"prefix scores of shape \(2,\), expected \(1,\)"):
        ContrastStretch("a", "b", (0, 1), (0, 1), ("x",), -1.0, -2.0, 0.0, 0.0, np.zeros(3), np.zeros(2))
    found = find(tiny_m2m100, "我", "你")
    stretch = ContrastStretch("a", "b", (0, 1), (0, 1), (), -1.0, -2.0, 0.0, 0.0, np.zeros(99), np.zeros(0))
    with pytest.raises(ModelError, match=r"source scores of shape \(99,\)"):
        ContrastAttribution("m", found.source, found.target_a, found.target_b, "en", "zh", (stretch,), 0.0, 0.0, 1, 0.1, "none")
