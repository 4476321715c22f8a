from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.errors import InputError, ModelError
from models.translator import Translator
from tests.xai.conftest import SENTENCES
from xai import TRANSLATION_METHODS, cross_attention
from xai.cross_attention import CrossAttentionMap
from xai.forced_pair import force

LANGUAGES = {"source_language": "en", "target_language": "zh"}
TEXTS = ((SENTENCES[0], "今天我们在花园里喝茶。"), (SENTENCES[3], "Mein Bruder 😀 hat zwei Bücher gekauft."), ("Tee", "茶"))


def maps(translator: Translator, texts: tuple[str, str]) -> CrossAttentionMap:
    return cross_attention.maps(translator, *texts, **LANGUAGES)


@pytest.mark.parametrize("texts", TEXTS, ids=range(len(TEXTS)))
def test_rows_sum_to_one_with_what_is_on_special_tokens(tiny_translator: Translator, texts: tuple[str, str]) -> None:
    for found in (maps(tiny_translator, texts), maps(tiny_translator, texts).words()):
        sources, targets = len(found.source_tokens), len(found.target_tokens)
        assert found.weights.shape == (2, 2, targets, sources)
        assert found.special_weights.shape == found.prefix_special_weights.shape == (2, 2, targets)
        assert found.weights.sum(-1) + found.special_weights == pytest.approx(np.ones((2, 2, targets)), abs=1e-4)
        assert found.prefix_weights.sum(-1) + found.prefix_special_weights == pytest.approx(np.ones((2, 2, targets)), abs=1e-4)
        assert not np.triu(found.prefix_weights).any()
        assert found.encoder_weights.shape == (2, 2, sources, sources)
        assert (found.encoder_weights.sum(-1) <= 1 + 1e-4).all()
        for weights in (found.weights, found.special_weights, found.prefix_weights, found.prefix_special_weights):
            assert (weights >= -1e-6).all()
    tokens = maps(tiny_translator, texts)
    assert tokens.target_tokens == tiny_translator.score([texts[0]], [texts[1]], "en", "zh")[0].tokens


def test_a_row_is_the_forward_pass_at_the_position_that_writes_the_token(tiny_translator: Translator) -> None:
    pair = force(tiny_translator, *TEXTS[1], **LANGUAGES)
    source, target = torch.tensor([pair.source.input_ids]), torch.tensor([pair.target.input_ids])
    with torch.no_grad():
        output = tiny_translator.model(input_ids=source, decoder_input_ids=target[:, :-1], output_attentions=True)
    cross, own, encoder = (given[1][0, 1].numpy() for given in (output.cross_attentions, output.decoder_attentions, output.encoder_attentions))
    found = maps(tiny_translator, TEXTS[1])
    for row, places in enumerate(pair.target.positions):
        writers = [place - 1 for place in places]
        for column, keys in enumerate(pair.source.positions):
            assert found.weights[1, 1, row, column] == pytest.approx(cross[writers][:, list(keys)].sum(1).mean(), abs=1e-6)
        for column, keys in enumerate(pair.target.positions[:row]):
            assert found.prefix_weights[1, 1, row, column] == pytest.approx(own[writers][:, list(keys)].sum(1).mean(), abs=1e-6)
    for row, queries in enumerate(pair.source.positions):
        for column, keys in enumerate(pair.source.positions):
            assert found.encoder_weights[1, 1, row, column] == pytest.approx(encoder[list(queries)][:, list(keys)].sum(1).mean(), abs=1e-6)


def test_own_translation_is_the_one_shown(tiny_m2m100: Translator) -> None:
    own = tiny_m2m100.translate([SENTENCES[0]], "en", "zh")[0]
    assert cross_attention.maps(tiny_m2m100, SENTENCES[0], **LANGUAGES).target_tokens == own.tokens


def test_what_comes_later_changes_nothing_before(tiny_translator: Translator) -> None:
    first, second = maps(tiny_translator, (SENTENCES[0], "我们喝茶")), maps(tiny_translator, (SENTENCES[0], "我们喝书"))
    assert first.target_tokens[:2] == second.target_tokens[:2]
    assert first.weights[:, :, :2] == pytest.approx(second.weights[:, :, :2], abs=1e-5)


def test_words_sum_what_is_received_and_average_what_is_given(tiny_m2m100: Translator) -> None:
    found = maps(tiny_m2m100, TEXTS[1])
    words = found.words()
    source, target = np.array(found.source.word_ids), np.array(found.target.word_ids)
    word = next(word for word in range(len(words.target_tokens)) if (target == word).sum() > 1)
    for column in range(len(words.source_tokens)):
        by_hand = found.weights[0, 0][target == word][:, source == column].sum(1).mean()
        assert words.weights[0, 0, word, column] == pytest.approx(by_hand, abs=1e-6)
    for column in range(word):
        by_hand = found.prefix_weights[0, 0][target == word][:, target == column].sum(1).mean()
        assert words.prefix_weights[0, 0, word, column] == pytest.approx(by_hand, abs=1e-6)


def test_select_and_its_errors(tiny_m2m100: Translator) -> None:
    found = maps(tiny_m2m100, TEXTS[0])
    assert np.array_equal(found.select(layer=1, head=0), found.weights[1, 0])
    assert found.select(layer=1, head=None) == pytest.approx(found.weights[1].mean(0))
    assert found.select(layer=None, head=None) == pytest.approx(found.weights.mean((0, 1)))
    with pytest.raises(InputError, match="no layer 2; the decoder has layers 0 to 1"):
        found.select(layer=2, head=None)
    with pytest.raises(InputError, match="no head -1; the decoder has heads 0 to 1"):
        found.select(layer=None, head=-1)


def test_as_an_attribution_it_is_the_mean_of_all_or_of_one_layer(tiny_m2m100: Translator) -> None:
    found, method = maps(tiny_m2m100, TEXTS[0]), TRANSLATION_METHODS["cross_attention"]
    assert method(tiny_m2m100, *TEXTS[0], **LANGUAGES).source_scores == pytest.approx(found.select(layer=None, head=None))
    one = method(tiny_m2m100, *TEXTS[0], **LANGUAGES, layer=1)
    assert one.source_scores == pytest.approx(found.select(layer=1, head=None))
    assert one.prefix_scores == pytest.approx(found.prefix_weights[1].mean(0))
    assert one.parameters["layer"] == 1
    with pytest.raises(InputError, match="no layer 7"):
        method(tiny_m2m100, *TEXTS[0], **LANGUAGES, layer=7)


def test_a_model_without_attention_is_named(tiny_m2m100: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_m2m100.model.config, "_attn_implementation", "sdpa")
    with pytest.raises(ModelError, match="m2m100 gives no attention; load it with load_translator"):
        maps(tiny_m2m100, TEXTS[0])


def test_what_does_not_fit_is_refused(tiny_m2m100: Translator) -> None:
    found = maps(tiny_m2m100, TEXTS[0])
    with pytest.raises(ModelError, match="does not sum to 1"):
        replace(found, weights=found.weights * 2)
    with pytest.raises(ModelError, match="does not sum to 1"):
        replace(found, prefix_special_weights=found.prefix_special_weights + 0.1)
    with pytest.raises(ModelError, match=r"expected \(layers, heads, "):
        replace(found, weights=found.weights[..., 1:])
    with pytest.raises(ModelError, match="The encoder's attention has shape"):
        replace(found, encoder_weights=found.encoder_weights[..., 1:])
