"""Heads switched off against a copy of the model whose output projection has their columns at zero; nothing stays on the model."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from models.classifier import Classifier
from models.errors import Cancelled, InputError, ModelError
from models.translator import Translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from xai.attention_parts import attention_parts
from xai.forced_pair import force
from xai.head_knockout import HeadEffects, knock_out_heads, knock_out_pair_heads, predict_without, score_without
from xai.value_weighted import pair_value_weighted, value_weighted

LANGUAGES = {"source_language": "en", "target_language": "zh"}


def without(handle: Any, heads: list[tuple[str, int, int]]) -> Any:
    """A copy in which what these heads give is multiplied by zeros."""
    other = copy.copy(handle)
    other.model = copy.deepcopy(handle.model)
    parts = attention_parts(other)
    with torch.no_grad():
        for block, layer, head in heads:
            part = parts[block][layer]
            part.output.weight[:, head * part.size : (head + 1) * part.size] = 0
    return other


def hooks(handle: Any) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in handle.model.modules())


def logits(handle: Any) -> torch.Tensor:
    """What the model gives for fixed ids."""
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        given: torch.Tensor = handle.model(input_ids=ids, **({"decoder_input_ids": ids} if isinstance(handle, Translator) else {})).logits
    return given


def held(handle: Any) -> bool:
    """Whether another thread would have to wait for the lock."""
    free: list[bool] = []

    def ask() -> None:
        free.append(handle.lock.acquire(blocking=False))
        if free[0]:
            handle.lock.release()

    visitor = threading.Thread(target=ask)
    visitor.start()
    visitor.join()
    return not free[0]


def test_every_head_of_a_classifier(tiny_classifier: Classifier) -> None:
    before, standing = tiny_classifier.predict([TEXTS[0]])[0].probabilities, hooks(tiny_classifier)
    seen: list[tuple[int, int]] = []
    found = knock_out_heads(tiny_classifier, TEXTS[0], "positive", progress=lambda done, total: seen.append((done, total)))
    (effects,) = found.effects.values()
    assert list(found.effects) == ["encoder"] and seen[-1] == (effects.size + 1, effects.size + 1)
    assert found.value == pytest.approx(before["positive"], abs=1e-6) and (found.target, found.output) == ("positive", "probability")
    for layer, head in np.ndindex(*effects.shape):
        expected = without(tiny_classifier, [("encoder", layer, head)]).predict([TEXTS[0]])[0].probabilities
        assert effects[layer, head] == pytest.approx(before["positive"] - expected["positive"], abs=1e-5)
        assert predict_without(tiny_classifier, TEXTS[0], [(layer, head)]) == pytest.approx(expected, abs=1e-5)
    assert np.abs(effects).max() > 1e-5
    together = [(layer, 0) for layer in range(len(effects))]
    expected = without(tiny_classifier, [("encoder", *head) for head in together]).predict([TEXTS[0]])[0].probabilities
    assert predict_without(tiny_classifier, TEXTS[0], together) == pytest.approx(expected, abs=1e-5)
    assert hooks(tiny_classifier) == standing and tiny_classifier.predict([TEXTS[0]])[0].probabilities == before


def test_every_head_of_a_translator(tiny_translator: Translator) -> None:
    pair = force(tiny_translator, SENTENCES[0], SENTENCES[1], **LANGUAGES)
    (said,) = tiny_translator.score([pair.source.text], [SENTENCES[1]], "en", "zh")
    standing = hooks(tiny_translator)  # transformers has some of its own
    found = knock_out_pair_heads(pair)
    assert list(found.effects) == ["encoder", "decoder", "cross"] and found.output == "log_probability"
    assert found.value == pytest.approx(sum(said.token_logprobs), abs=1e-5)
    assert score_without(pair, []) == pytest.approx(said.token_logprobs, abs=1e-5)
    for block, effects in found.effects.items():
        for layer, head in np.ndindex(*effects.shape):
            (expected,) = without(tiny_translator, [(block, layer, head)]).score([pair.source.text], [SENTENCES[1]], "en", "zh")
            assert effects[layer, head] == pytest.approx(found.value - sum(expected.token_logprobs), abs=1e-5)
            assert score_without(pair, [(block, layer, head)]) == pytest.approx(expected.token_logprobs, abs=1e-5)
        assert np.abs(effects).max() > 1e-4
    assert hooks(tiny_translator) == standing


def test_nothing_stays_after_a_failure(tiny_bert: Classifier) -> None:
    before, standing = tiny_bert.predict([TEXTS[0]])[0].probabilities, hooks(tiny_bert)

    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        knock_out_heads(tiny_bert, TEXTS[0], progress=stop)
    with pytest.raises(InputError, match="The target 'angry' is not a label of bert"):
        knock_out_heads(tiny_bert, TEXTS[0], "angry")
    assert hooks(tiny_bert) == standing and tiny_bert.predict([TEXTS[0]])[0].probabilities == before
    assert tiny_bert.lock.acquire(blocking=False)
    tiny_bert.lock.release()


def check_nothing_stays(handle: Any, run: Callable[[], object]) -> None:
    """The lock is held while the model runs, and free with the model as before after a failure in its last attention layer, and after a success."""
    before = logits(handle)
    run()
    standing = hooks(handle)  # transformers leaves some of its own when it is first asked for attention
    last = [part for layers in attention_parts(handle).values() for part in layers][-1]
    seen: list[bool] = []

    def fail(*_: Any) -> None:
        seen.append(held(handle))
        raise OverflowError("broken")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last.output, "forward", fail)
        with pytest.raises(OverflowError, match="broken"):
            run()
    for _ in range(2):
        assert not held(handle) and hooks(handle) == standing and torch.equal(logits(handle), before)
        run()
    assert seen == [True]


def test_nothing_stays_on_a_classifier(tiny_classifier: Classifier) -> None:
    check_nothing_stays(tiny_classifier, lambda: knock_out_heads(tiny_classifier, TEXTS[0]))
    check_nothing_stays(tiny_classifier, lambda: value_weighted(tiny_classifier, TEXTS[0]))


def test_nothing_stays_on_a_translator(tiny_translator: Translator) -> None:
    pair = force(tiny_translator, SENTENCES[0], SENTENCES[1], **LANGUAGES)
    check_nothing_stays(tiny_translator, lambda: knock_out_pair_heads(pair))
    check_nothing_stays(tiny_translator, lambda: pair_value_weighted(pair))


def test_bad_heads_and_models_get_one_sentence(tiny_bert: Classifier, tiny_m2m100: Translator) -> None:
    for head in ((2, 0), (0, 2), (-1, 0)):
        with pytest.raises(InputError, match=rf"There is no head {head[1]} in layer {head[0]} of encoder; the model has \(layers × heads\) encoder 2 × 2"):
            predict_without(tiny_bert, TEXTS[0], [head])
    pair = force(tiny_m2m100, SENTENCES[0], SENTENCES[1], **LANGUAGES)
    with pytest.raises(InputError, match="There is no head 0 in layer 0 of middle"):
        score_without(pair, [("middle", 0, 0)])
    bare = copy.copy(tiny_bert)
    bare.model = torch.nn.Linear(2, 2)
    with pytest.raises(ModelError, match=r"No attention module was found in bert \(encoder\)"):
        knock_out_heads(bare, TEXTS[0])
    with pytest.raises(ModelError, match="gives values that are not numbers"):
        HeadEffects("positive", "probability", 0.5, {"encoder": np.array([[np.nan]])})
