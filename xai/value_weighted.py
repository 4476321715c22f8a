"""Value-weighted attention: how long what a place adds is, not only how much is looked at it (Kobayashi et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from models.classifier import Classifier
from models.tokens import tokenize
from xai.attention import AttentionMap, map_of, raw_attentions
from xai.attention_parts import CROSS, DECODER, ENCODER, AttentionPart, attention_parts, catching_values
from xai.cross_attention import CrossAttentionMap, pair_map_of, raw_pair_attentions
from xai.forced_pair import ForcedPair


def value_weighted(model: Classifier, text: str) -> AttentionMap:
    """The attention of a text with each weight times the length of the value it carries through its head into the layer's output; rows sum to 1 again.

    A place that much is looked at may have next to nothing to give; separators and full stops often do (Kobayashi et al. 2020, ‖α f(x)‖).

    Raises:
        InputError: The text is empty.
        ModelError: The model gives no attention, or its attention modules cannot be found.
    """
    tokenized, parts = tokenize(model, text), attention_parts(model)
    with catching_values(model, parts) as caught:
        weights = raw_attentions(model, tokenized)
    return map_of(model, tokenized, _weigh(weights, parts[ENCODER], caught))


def pair_value_weighted(pair: ForcedPair) -> CrossAttentionMap:
    """The same of a forced pair, in encoder, decoder and cross-attention.

    Raises:
        ModelError: The model gives no attention, or its attention modules cannot be found.
    """
    parts = attention_parts(pair.model)
    with catching_values(pair.model, parts) as caught:
        cross, own, encoder = raw_pair_attentions(pair)
    return pair_map_of(pair, *(_weigh(weights, parts[block], caught) for weights, block in ((cross, CROSS), (own, DECODER), (encoder, ENCODER))))


def _weigh(weights: np.ndarray, parts: Sequence[AttentionPart], caught: Mapping[tuple[str, int], torch.Tensor]) -> np.ndarray:
    """Weights (layers, heads, query, key) times the norms of what the keys give, each row divided by its sum."""
    with torch.inference_mode():
        norms = np.stack([part.value_norms(caught[part.block, part.layer][0].float()).cpu().numpy() for part in parts])
    weighted = weights * norms[:, :, None, :]
    return np.asarray(weighted / weighted.sum(-1, keepdims=True), dtype=np.float32)
