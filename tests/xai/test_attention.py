from __future__ import annotations

import numpy as np
import pytest
import torch

from models.classifier import Classifier
from models.errors import InputError, ModelError
from tests.conftest import TEXTS
from xai import METHODS, attention
from xai.attention import AttentionMap
from xai.figures import attention_heatmap, heads_overview, select


def two_tokens(*layers: list[list[float]]) -> AttentionMap:
    weights = np.array([[layer] for layer in layers], dtype=np.float32)
    return AttentionMap("a b", ("a", "b"), ((0, 1), (2, 3)), (0, 1), weights)


@pytest.mark.parametrize("text", TEXTS)
def test_maps_are_the_models_own(tiny_classifier: Classifier, text: str) -> None:
    found = attention.maps(tiny_classifier, text)
    assert found.weights.shape[:2] == (2, 2)
    assert found.weights.sum(-1) == pytest.approx(np.ones(found.weights.shape[:3]), abs=1e-4)
    for token, span in zip(found.tokens, found.offsets, strict=True):
        assert span is None or found.text[span[0] : span[1]] == token
    words = found.words()
    assert words.weights.sum(-1) == pytest.approx(np.ones(words.weights.shape[:3]), abs=1e-4)
    assert len(words.tokens) <= len(found.tokens)


def test_unmerged_map_equals_the_forward_pass(tiny_bert: Classifier) -> None:
    encoded = tiny_bert.tokenizer("not bad", return_tensors="pt")
    with torch.no_grad():
        expected = tiny_bert.model(**encoded, output_attentions=True).attentions[1][0, 0].numpy()
    found = attention.maps(tiny_bert, "not bad")
    if len(found.tokens) == len(expected):
        assert found.weights[1, 0] == pytest.approx(expected, abs=1e-6)
    assert found.weights[1, 0][0, 0] == pytest.approx(expected[0, 0], abs=1e-6)


def test_rollout_by_hand() -> None:
    found = two_tokens([[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.0, 1.0]])
    first = 0.5 * np.array([[1, 0], [0.5, 0.5]]) + 0.5 * np.eye(2)
    second = 0.5 * np.array([[0, 1], [0, 1]]) + 0.5 * np.eye(2)
    assert found.rollout() == pytest.approx(second @ first)
    assert found.rollout().sum(1) == pytest.approx([1, 1])


def test_rollout_attribution_is_a_share(tiny_classifier: Classifier) -> None:
    result = METHODS["attention_rollout"](tiny_classifier, TEXTS[0])
    assert (result.scores >= 0).all()
    assert result.scores.sum() + result.diagnostics["special_token_share"] == pytest.approx(1)


def test_words_sum_what_is_received_and_average_what_is_given() -> None:
    weights = np.array([[[[0.2, 0.3, 0.5], [0.4, 0.4, 0.2], [0.0, 0.0, 1.0]]]], dtype=np.float32)
    words = AttentionMap("abc d", ("ab", "c", "d"), ((0, 2), (2, 3), (4, 5)), (0, 0, 1), weights).words()
    assert words.tokens == ("abc", "d")
    assert words.weights[0, 0] == pytest.approx(np.array([[0.65, 0.35], [0.0, 1.0]]))


def test_a_model_without_attention_is_named(tiny_bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_bert.model.config, "_attn_implementation", "sdpa")
    with pytest.raises(ModelError, match="gives no attention"):
        attention.maps(tiny_bert, "ok")


def test_rows_must_be_shares() -> None:
    with pytest.raises(ModelError, match="does not sum to 1"):
        two_tokens([[1.0, 1.0], [0.5, 0.5]])
    with pytest.raises(ModelError, match="expected \\(layers, heads, 1, 1\\)"):
        AttentionMap("a", ("a",), ((0, 1),), (0,), np.ones((1, 1, 2, 2)) / 2)


def test_heatmap_shows_every_token_by_place() -> None:
    found = AttentionMap("a a", ("a", "<a>"), ((0, 1), (2, 3)), (0, 1), np.full((1, 1, 2, 2), 0.5, dtype=np.float32))
    figure = attention_heatmap(found, layer=0, head=0)
    assert list(figure.data[0].x) == [0, 1]
    assert list(figure.layout.xaxis.ticktext) == ["a", "&lt;a&gt;"]
    assert np.asarray(figure.data[0].z) == pytest.approx(np.full((2, 2), 0.5))


def test_select_and_its_errors() -> None:
    found = two_tokens([[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.0, 1.0]])
    assert select(found, layer=1, head=None).tolist() == [[0, 1], [0, 1]]
    assert select(found, layer=None, head=None) == pytest.approx(found.rollout())
    with pytest.raises(InputError, match="no layer 2; the model has layers 0 to 1"):
        select(found, layer=2, head=0)
    with pytest.raises(InputError, match="no head 1"):
        select(found, layer=0, head=1)


def test_overview_is_entropy() -> None:
    figure = heads_overview(two_tokens([[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]))
    assert np.asarray(figure.data[0].z) == pytest.approx(np.array([[0.0], [1.0]]), abs=1e-6)
