"""The vectors behind value-weighted attention add up to what the attention layers of the model put out, in every architecture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.classifier import Classifier
from models.tokens import tokenize
from models.translator import Translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from xai import attention, cross_attention
from xai.attention import raw_attentions
from xai.attention_parts import attention_parts, catching_values
from xai.cross_attention import raw_pair_attentions
from xai.forced_pair import force
from xai.value_weighted import pair_value_weighted, value_weighted

LANGUAGES = {"source_language": "en", "target_language": "zh"}


def check(handle: Any, run: Any) -> dict[str, np.ndarray]:
    """Norms by hand as weights (layers, heads, query, key) that sum to 1, after checking that the vectors add up to the layer's output."""
    parts, outputs = attention_parts(handle), {}
    taps = [part.output.register_forward_hook(lambda _, __, out, place=(part.block, part.layer): outputs.__setitem__(place, out))
            for layers in parts.values() for part in layers]
    with catching_values(handle, parts) as caught:
        weights = run()
    for tap in taps:
        tap.remove()
    found = {}
    for block, layers in parts.items():
        norms = []
        for part in layers:
            alpha = torch.from_numpy(weights[block][part.layer])
            value = caught[block, part.layer][0].view(alpha.shape[-1], -1, part.size)
            value = value.repeat_interleave(part.heads // value.shape[1], dim=1)
            given = torch.einsum("khd,ohd->hko", value, part.output.weight.view(-1, part.heads, part.size))
            whole = torch.einsum("hqk,hko->qo", alpha, given) + (0 if part.output.bias is None else part.output.bias)
            assert torch.allclose(whole, outputs[block, part.layer][0], atol=1e-4)
            norms.append((alpha[..., None] * given[:, None]).norm(dim=-1).detach().numpy())
        found[block] = np.stack(norms) / np.stack(norms).sum(-1, keepdims=True)
    return found


@torch.no_grad()
def test_classifiers(tiny_classifier: Classifier) -> None:
    tokenized = tokenize(tiny_classifier, TEXTS[0])
    expected = check(tiny_classifier, lambda: {"encoder": raw_attentions(tiny_classifier, tokenized)})
    found = value_weighted(tiny_classifier, TEXTS[0])
    assert found.weights == pytest.approx(attention.map_of(tiny_classifier, tokenized, expected["encoder"].astype(np.float32)).weights, abs=1e-5)
    assert np.abs(found.weights - attention.maps(tiny_classifier, TEXTS[0]).weights).max() > 1e-3


@torch.no_grad()
def test_translators(tiny_translator: Translator) -> None:
    pair = force(tiny_translator, SENTENCES[0], SENTENCES[1], **LANGUAGES)
    expected = check(tiny_translator, lambda: dict(zip(("cross", "decoder", "encoder"), raw_pair_attentions(pair), strict=True)))
    standing = [len(module._forward_hooks) for module in tiny_translator.model.modules()]  # transformers has some of its own
    found = pair_value_weighted(pair)
    by_hand = cross_attention.pair_map_of(pair, *(expected[block].astype(np.float32) for block in ("cross", "decoder", "encoder")))
    for name in ("weights", "prefix_weights", "encoder_weights"):
        assert getattr(found, name) == pytest.approx(getattr(by_hand, name), abs=1e-5)
    assert [len(module._forward_hooks) for module in tiny_translator.model.modules()] == standing
