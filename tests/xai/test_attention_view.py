"""What a browser gets of attention: weights within the error that is stated, and a page that no token can break."""

from __future__ import annotations

import base64
import html
import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from models.classifier import Classifier
from models.errors import ModelError
from models.translator import Translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from ui.attention_drawing import DRAWN
from xai import attention, cross_attention
from xai.attention import AttentionMap
from xai.attention_view import AttentionBlock, classifier_block, pair_blocks, script, standalone_page, style, view_data
from xai.figures import MAX_TOKENS
from xai.word_alignment import best_layer

HOSTILE = ("</script><script>alert(1)</script>", "<!--", "]]>", "&lt;b&gt;", "\u2028\u202e", "{{ 7 * 7 }}", "<img src=x onerror=alert(1)>")
NAMES = dict.fromkeys((*DRAWN, "layer_mean", "layer_head", "effect", "cut"), "name")
ERROR = 1 / 510


def decoded(data: dict[str, Any], block: int, name: str) -> np.ndarray:
    """The weights as the browser reads them."""
    found = data["blocks"][block]
    weights = np.frombuffer(base64.b64decode(found["maps"][name]["bytes"]), dtype=np.uint8) / 255
    shape = (len(found["rows"]), len(found["columns"]))
    return weights.reshape((found["layers"], found["heads"], *shape) if found["maps"][name]["stacked"] else shape)


def hostile_map() -> AttentionMap:
    rng = np.random.default_rng(0)
    count = len(HOSTILE)
    return AttentionMap("", HOSTILE, (None,) * count, (None,) * count, rng.dirichlet(np.ones(count), size=(2, 3, count)).astype(np.float32))


def long_map(count: int) -> AttentionMap:
    weights = np.full((1, 2, count, count), 1 / count, dtype=np.float32)
    return AttentionMap("x" * count, ("x",) * count, tuple((at, at + 1) for at in range(count)), tuple(range(count)), weights)


@pytest.mark.parametrize("text", TEXTS[:4])
@pytest.mark.parametrize("words", [False, True])
def test_weights_of_a_classifier_within_the_stated_error(tiny_classifier: Classifier, text: str, words: bool) -> None:
    found = attention.maps(tiny_classifier, text)
    flow = np.random.default_rng(0).dirichlet(np.ones(len(found.tokens)))
    data = view_data([classifier_block(found, value_weighted=found, flow=(0, flow), words=words)])
    shown = found.words() if words else found
    assert data["blocks"][0]["rows"] == list(shown.tokens)
    assert data["blocks"][0]["columns"] == list(shown.tokens)
    for name in ("attention", "value_weighted"):
        assert np.abs(decoded(data, 0, name) - shown.weights).max() <= ERROR + 1e-6
    merge = np.array([[owner == group for group in owners(found, words)] for owner in sorted(set(owners(found, words)))], dtype=float)
    rollout = merge / merge.sum(1, keepdims=True) @ found.rollout() @ merge.T
    assert np.abs(decoded(data, 0, "rollout") - rollout).max() <= ERROR + 1e-6
    assert data["blocks"][0]["maps"]["flow"]["known"] == [0]
    assert np.abs(decoded(data, 0, "flow")[0] - merge @ flow).max() <= ERROR + 1e-6
    assert not decoded(data, 0, "flow")[1:].any()


def owners(found: AttentionMap, words: bool) -> list[int]:
    """Number of the group of each place, in the order of the places."""
    if not words:
        return list(range(len(found.tokens)))
    keys = [("place", place) if word is None else ("word", word) for place, word in enumerate(found.word_ids)]
    order = list(dict.fromkeys(keys))
    return [order.index(key) for key in keys]


def test_flow_of_a_place_inside_a_word_is_in_the_row_of_that_word() -> None:
    weights = np.full((1, 1, 3, 3), 1 / 3, dtype=np.float32)
    found = AttentionMap("abc d", ("ab", "c", "d"), ((0, 2), (2, 3), (4, 5)), (0, 0, 1), weights)
    block = classifier_block(found, flow=(2, np.array([0.5, 0.25, 0.25])), words=True)
    assert block.maps["flow"][1] == pytest.approx([0.75, 0.25])
    assert np.isnan(block.maps["flow"][0]).all()


@pytest.mark.parametrize("words", [False, True])
def test_weights_of_a_translator_within_the_stated_error(tiny_translator: Translator, words: bool) -> None:
    found = cross_attention.maps(tiny_translator, SENTENCES[0], "今天我们在花园里喝茶。", source_language="en", target_language="zh")
    targets, sources = found.weights.shape[2:]
    rng = np.random.default_rng(0)
    rollout, flow = (rng.random((targets, sources)), np.tril(rng.random((targets, targets)), -1)), np.full((targets, sources), np.nan)
    flow[0] = rng.random(sources)
    blocks = pair_blocks(found, value_weighted=found, rollout=rollout, flow=flow, effects={"cross": np.ones((2, 2))}, words=words, right_to_left=(False, True))
    data = view_data(blocks)
    shown = found.words() if words else found
    assert [block["name"] for block in data["blocks"]] == ["cross", "encoder", "decoder"]
    assert [block["right_to_left"] for block in data["blocks"]] == [[True, False], [False, False], [True, True]]
    for number, weights in enumerate((shown.weights, shown.encoder_weights, shown.prefix_weights)):
        assert np.abs(decoded(data, number, "attention") - weights).max() <= ERROR + 1e-6
    assert data["blocks"][0]["best_layer"] == best_layer(shown.weights)
    assert [block["effects"] for block in data["blocks"]] == [[[1, 1], [1, 1]], None, None]
    if not words:
        assert np.abs(decoded(data, 0, "rollout") - rollout[0]).max() <= ERROR + 1e-6
        assert np.abs(decoded(data, 2, "rollout") - rollout[1]).max() <= ERROR + 1e-6
        assert data["blocks"][0]["maps"]["flow"]["known"] == [0]


def test_a_whole_model_stays_small() -> None:
    weights = np.full((12, 12, MAX_TOKENS, MAX_TOKENS), 1 / MAX_TOKENS, dtype=np.float32)
    found = AttentionMap("x" * MAX_TOKENS, ("x",) * MAX_TOKENS, tuple((at, at + 1) for at in range(MAX_TOKENS)), tuple(range(MAX_TOKENS)), weights)
    assert len(json.dumps(view_data([classifier_block(found)]))) < 850_000


def test_long_texts_are_cut_and_say_so() -> None:
    data = view_data([classifier_block(long_map(MAX_TOKENS + 6))])["blocks"][0]
    assert len(data["rows"]) == len(data["columns"]) == MAX_TOKENS
    assert data["cut"] == {"shown": MAX_TOKENS, "total": MAX_TOKENS + 6}
    assert len(base64.b64decode(data["maps"]["attention"]["bytes"])) == 2 * MAX_TOKENS**2
    assert view_data([classifier_block(long_map(MAX_TOKENS))])["blocks"][0]["cut"] is None


def test_the_same_content_has_the_same_name() -> None:
    first, other = classifier_block(long_map(3)), classifier_block(long_map(3), effects=np.array([[0.1, 0.2]]))
    assert view_data([first])["id"] == view_data([classifier_block(long_map(3))])["id"] != view_data([other])["id"]


def test_maps_that_do_not_fit_are_an_error() -> None:
    weights = np.zeros((1, 2, 3, 3))
    with pytest.raises(ModelError, match=r"rollout of the encoder has shape \(2, 2\), expected \(3, 3\)"):
        AttentionBlock("encoder", ("a",) * 3, ("a",) * 3, (False, False), {"attention": weights, "rollout": np.zeros((2, 2))})
    with pytest.raises(ModelError, match=r"effects of the encoder have shape \(2, 1\), expected one a head, \(1, 2\)"):
        AttentionBlock("encoder", ("a",) * 3, ("a",) * 3, (False, False), {"attention": weights}, np.zeros((2, 1)))


class Page(HTMLParser):
    """Elements of a page with their attributes, and the text inside of scripts."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.shown: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        else:
            self.shown.append(data)


def test_no_token_or_fact_can_break_out_of_the_page() -> None:
    facts = [(hostile, hostile) for hostile in HOSTILE]
    data = view_data([classifier_block(hostile_map())], facts)
    page = Page(standalone_page(data, HOSTILE[0], "en", NAMES))
    assert len(page.scripts) == 2
    assert [tag for tag, _ in page.tags if tag in ("img", "link", "iframe", "object", "base", "form")] == []
    carried = json.loads(page.scripts[0])
    assert carried["blocks"][0]["rows"][0] == HOSTILE[0]
    assert carried == {**data, "texts": NAMES}
    assert HOSTILE[0] in page.shown  # as text
    assert "49" not in page.shown
    assert "⟦RLO⟧" in carried["blocks"][0]["rows"][4]


def test_the_page_asks_for_nothing_and_holds_everything() -> None:
    data = view_data([classifier_block(hostile_map())], [("Text", "so good"), ("Model", "toy"), ("Fingerprint", "abc")])
    content = standalone_page(data, "Attention of toy", "zh", {**NAMES, "caution": "Attention is not why."})
    page = Page(content)
    assert dict(page.tags)["html"] == {"lang": "zh"}
    assert [attributes for _, attributes in page.tags if {"src", "href", "action"} & set(attributes)] == []
    (policy,) = [attributes["content"] for _, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for shown in ("so good", "toy", "abc", "Attention is not why.", "Attention of toy"):
        assert shown in html.unescape(content)
    assert script() in content
    assert style() in content


def test_the_script_writes_text_only_and_loads_nothing() -> None:
    assert "textContent" in script()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(", "import ", "http:", "https:"):
        assert way not in script().replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in style()
    assert "@import" not in style()
