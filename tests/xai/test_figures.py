"""Attention figures: places instead of labels on the axes, so that repeated tokens stay apart."""

from __future__ import annotations

import numpy as np
import pytest

from models.classifier import Classifier
from models.errors import InputError
from xai import attention
from xai.attention import AttentionMap
from xai.figures import MAX_TOKENS, NAMED_COLUMNS, attention_heatmap, heads_overview, select, visible


def attention_of(tokens: list[str], layers: int = 1, heads: int = 1) -> AttentionMap:
    """Attention that falls off with the distance, different in every layer and head."""
    places = np.arange(len(tokens))
    weights = np.stack([[np.exp(-abs(places[:, None] - places) * (1 + layer + 2 * head)) for head in range(heads)] for layer in range(layers)])
    weights = (weights / weights.sum(-1, keepdims=True)).astype(np.float32)
    offsets = tuple((2 * place, 2 * place + 1) for place in places)
    return AttentionMap(" ".join(tokens), tuple(tokens), offsets, tuple(places.tolist()), weights)


def test_repeated_tokens_stay_apart() -> None:
    figure = attention_heatmap(attention_of(["好", "好", "好", "ok"]), layer=0, head=0)
    trace = figure.data[0]
    assert list(trace.x) == list(trace.y) == [0, 1, 2, 3]
    assert np.asarray(trace.z).shape == (4, 4)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert axis.tickmode == "array"
        assert list(axis.tickvals) == [0, 1, 2, 3]
        assert list(axis.ticktext) == ["好", "好", "好", "ok"]


def test_rows_are_who_looks_and_the_first_is_on_top() -> None:
    found = attention_of(["a", "b"], layers=2, heads=2)
    found.weights[1, 1] = [[0.25, 0.75], [1.0, 0.0]]
    figure = attention_heatmap(found, layer=1, head=1, query_title="looking", key_title="looked at")
    assert np.asarray(figure.data[0].z).tolist() == [[0.25, 0.75], [1.0, 0.0]]
    assert figure.data[0].text[0][1] == "a → b"
    assert figure.layout.yaxis.autorange == "reversed"
    assert (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text) == ("looking", "looked at")


@pytest.mark.parametrize(("count", "drawn"), [(MAX_TOKENS - 1, 63), (MAX_TOKENS, 64), (MAX_TOKENS + 1, 64), (200, 64)])
def test_long_texts_are_cut_at_64_places(count: int, drawn: int) -> None:
    found = attention_of([f"t{number}" for number in range(count)])
    figure = attention_heatmap(found, layer=0, head=0)
    assert list(figure.data[0].x) == list(range(drawn))
    assert np.asarray(figure.data[0].z) == pytest.approx(found.weights[0, 0, :drawn, :drawn], abs=5e-5)
    assert list(figure.layout.xaxis.ticktext) == [f"t{number}" for number in range(drawn)]
    assert figure.layout.height <= 900


@pytest.mark.parametrize(("count", "named"), [(2, True), (NAMED_COLUMNS, True), (NAMED_COLUMNS + 1, False), (200, False)])
def test_names_over_columns_are_left_out_where_they_would_overlap(count: int, named: bool) -> None:
    figure = attention_heatmap(attention_of(["word"] * count), layer=0, head=0)
    assert figure.layout.xaxis.showticklabels is named
    assert figure.layout.yaxis.showticklabels is not False


def test_labels_and_hover_are_no_markup() -> None:
    hostile = ["<a href='javascript:alert(1)'>x</a>", "&lt;", "<b>"]
    figure = attention_heatmap(attention_of(hostile), layer=0, head=0)
    texts = [*figure.layout.xaxis.ticktext, *figure.layout.yaxis.ticktext, *np.ravel(figure.data[0].text)]
    assert not any("<" in text for text in texts)
    assert figure.layout.xaxis.ticktext[1] == "&amp;lt;"
    assert visible("a<b>&c") == "a&lt;b&gt;&amp;c"


def test_the_chosen_map_is_the_one_drawn() -> None:
    found = attention_of(["a", "b", "c"], layers=3, heads=2)
    assert np.array_equal(select(found, layer=2, head=1), found.weights[2, 1])
    assert select(found, layer=1, head=None) == pytest.approx((found.weights[1, 0] + found.weights[1, 1]) / 2)
    assert select(found, layer=None, head=1) == pytest.approx(found.rollout())
    rolled = attention_heatmap(found, layer=None, head=None)
    assert np.asarray(rolled.data[0].z) == pytest.approx(found.rollout(), abs=5e-5)


@pytest.mark.parametrize(("layer", "head", "message"), [(-1, 0, "no layer -1"), (3, 0, "has layers 0 to 2"), (0, -1, "no head -1"), (0, 2, "heads 0 to 1")])
def test_what_does_not_exist_is_refused(layer: int, head: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        attention_heatmap(attention_of(["a", "b"], layers=3, heads=2), layer=layer, head=head)


def test_overview_names_layers_and_heads_from_one() -> None:
    found = attention_of(["a", "b", "c", "d"], layers=3, heads=2)
    figure = heads_overview(found, "层", "头")
    assert np.asarray(figure.data[0].z).shape == (3, 2)
    assert list(figure.layout.xaxis.ticktext) == ["头 1", "头 2"]
    assert list(figure.layout.yaxis.ticktext) == ["层 1", "层 2", "层 3"]
    assert list(figure.layout.yaxis.tickvals) == [0, 1, 2]
    falling = np.asarray(figure.data[0].z)
    assert (np.diff(falling, axis=0) < 0).all(), "a head whose attention falls off faster is more focused"
    assert ((falling > 0) & (falling < 1)).all()


def test_overview_of_a_single_token_is_zero() -> None:
    assert np.asarray(heads_overview(attention_of(["a"])).data[0].z).tolist() == [[pytest.approx(0, abs=1e-6)]]


def test_a_models_map_on_words_has_one_place_a_word(tiny_bert: Classifier) -> None:
    found = attention.maps(tiny_bert, "ok ok ok").words()
    figure = attention_heatmap(found, layer=0, head=None)
    labels = list(figure.layout.xaxis.ticktext)
    assert labels.count("ok") == 3
    assert list(figure.data[0].x) == list(range(len(labels)))
    assert np.asarray(figure.data[0].z).sum(1) == pytest.approx(np.ones(len(labels)), abs=1e-2)
