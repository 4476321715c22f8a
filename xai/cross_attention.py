"""Where the decoder looked for every token of a given translation: cross-attention by layer and head (Bahdanau et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from models.errors import InputError, ModelError
from models.progress import Progress, no_progress
from models.tokens import TokenizedText
from models.translator import Translator
from xai.forced_pair import ForcedPair, SequenceScores, force
from xai.masking import token_owners
from xai.sequence_attribution import ATTENTION_SHARE, membership, merged
from xai.sequence_masking import MaskedTranslation


@dataclass(frozen=True)
class CrossAttentionMap:
    """Shares of attention by which every token of a translation was written, in every layer and head.

    The row of a target token is that of the decoder position that writes it (the one before it), a mean over its pieces; the share of
    a source token is a sum over its pieces.

    Attributes:
        source, target: Both texts.
        weights: Cross-attention (layers, heads, target, source), float32.
        special_weights: Its rest, on special tokens of the source such as end and language (layers, heads, target).
        prefix_weights: The decoder's attention to earlier tokens (layers, heads, target, target): nothing but zeros where column >= row.
        prefix_special_weights: Its rest, on start and language token and a token's own earlier pieces (layers, heads, target).
        encoder_weights: The encoder's attention (layers, heads, source, source); the rest of each row is on special tokens.
    """

    source: TokenizedText
    target: TokenizedText
    weights: np.ndarray
    special_weights: np.ndarray
    prefix_weights: np.ndarray
    prefix_special_weights: np.ndarray
    encoder_weights: np.ndarray

    def __post_init__(self) -> None:
        """Raises ModelError when the weights do not fit the tokens or a row does not sum to 1."""
        sources, targets = len(self.source.offsets), len(self.target.offsets)
        for weights, rest, columns in ((self.weights, self.special_weights, sources),
                                       (self.prefix_weights, self.prefix_special_weights, targets)):
            if weights.ndim != 4 or weights.shape[2:] != (targets, columns):
                raise ModelError(f"The attention has shape {weights.shape}, expected (layers, heads, {targets}, {columns}).")
            if not np.allclose(weights.sum(-1) + rest, 1, atol=1e-3):
                raise ModelError("The attention of a token does not sum to 1; this model's attention cannot be shown as shares.")
        if self.encoder_weights.ndim != 4 or self.encoder_weights.shape[2:] != (sources, sources):
            raise ModelError(f"The encoder's attention has shape {self.encoder_weights.shape}, expected (layers, heads, {sources}, {sources}).")

    @property
    def source_tokens(self) -> tuple[str, ...]:
        """Surface of each source token (source,)."""
        return self.source.tokens

    @property
    def target_tokens(self) -> tuple[str, ...]:
        """Surface of each target token (target,)."""
        return self.target.tokens

    def select(self, *, layer: int | None, head: int | None) -> np.ndarray:
        """The chosen cross-attention (target, source): one head, the mean of a layer's heads, or the mean of all.

        Raises:
            InputError: The layer or head does not exist.
        """
        layers, heads = self.weights.shape[:2]
        if layer is not None and not 0 <= layer < layers:
            raise InputError(f"There is no layer {layer}; the decoder has layers 0 to {layers - 1}.")
        if head is not None and not 0 <= head < heads:
            raise InputError(f"There is no head {head}; the decoder has heads 0 to {heads - 1}.")
        chosen = self.weights[slice(None) if layer is None else [layer]][:, slice(None) if head is None else [head]]
        return np.asarray(chosen.mean((0, 1)))

    def words(self) -> CrossAttentionMap:
        """The same map with the tokens of a word merged: shares received are summed, shares given are averaged."""
        columns, rows = membership(self.source.word_ids), membership(self.target.word_ids)
        means, givers = _means(rows), _means(columns)
        prefix = _merge(self.prefix_weights, means, rows)
        own = np.diagonal(prefix, axis1=-2, axis2=-1)  # a word's own earlier pieces
        return replace(
            self, source=merged(self.source), target=merged(self.target), weights=_merge(self.weights, means, columns),
            special_weights=self.special_weights @ means.T, prefix_weights=np.tril(prefix, -1),
            prefix_special_weights=self.prefix_special_weights @ means.T + own, encoder_weights=_merge(self.encoder_weights, givers, columns),
        )


def maps(
    model: Translator, text: str, hypothesis: str | None = None, *, source_language: str, target_language: str
) -> CrossAttentionMap:
    """The attention by which the model writes exactly the given translation, or its own best one.

    Raises:
        InputError: A text is empty, or the model does not translate this pair.
        ModelError: The model gives no attention.
    """
    return pair_maps(force(model, text, hypothesis, source_language=source_language, target_language=target_language))


def pair_maps(pair: ForcedPair) -> CrossAttentionMap:
    """The attention by which a forced pair is written.

    Raises:
        ModelError: The model gives no attention.
    """
    return pair_map_of(pair, *raw_pair_attentions(pair))


def pair_map_of(pair: ForcedPair, cross: np.ndarray, own: np.ndarray, encoder: np.ndarray) -> CrossAttentionMap:
    """Weights (layers, heads, query, key) between ids, as `raw_pair_attentions` gives them, as a map between tokens a person can read."""
    sources, targets = _by_token(pair.source), _by_token(pair.target)
    # the position before a token writes it
    writers, givers = _means(targets[:, 1:]), _means(sources)
    prefix = np.tril(_merge(own, writers, targets[:, :-1]), -1)
    return CrossAttentionMap(
        source=pair.source, target=pair.target, weights=_merge(cross, writers, sources),
        special_weights=_merge(cross, writers, np.array([pair.source.special], dtype=np.float64))[..., 0], prefix_weights=prefix,
        prefix_special_weights=(own.sum(-1) @ writers.T - prefix.sum(-1)).astype(np.float32),
        encoder_weights=_merge(encoder, givers, sources),
    )


def sequence_cross_attention(
    pair: ForcedPair, rows: Sequence[int], *, seed: int = 0, progress: Progress = no_progress, layer: int | None = None
) -> SequenceScores:
    """Scores are shares (0-1) of cross- and decoder self-attention, a mean over heads and over layers, or of one decoder `layer`.

    Attention says where the model looked, not what moved its answer: scores are never negative and not additive. The seed has no effect.

    Raises:
        InputError: The layer does not exist.
    """
    output = MaskedTranslation(pair, rows, progress)
    found = pair_maps(pair)
    progress(output.evaluations + 1, output.evaluations + 1)
    chosen = found.select(layer=layer, head=None)[list(rows)]
    prefix = (found.prefix_weights if layer is None else found.prefix_weights[[layer]]).mean((0, 1))[list(rows)]
    return SequenceScores(
        chosen.astype(np.float64), prefix.astype(np.float64), output.values, output.base_values, output.evaluations + 1,
        baseline=output.baseline, output=ATTENTION_SHARE, parameters={"layer": layer},
    )


def raw_pair_attentions(pair: ForcedPair) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (layers, heads, query, key) between ids: cross-attention, the decoder's and the encoder's own.

    Raises:
        ModelError: The model gives no attention.
    """
    model = pair.model
    source, target = (torch.tensor([text.input_ids], device=model.device) for text in (pair.source, pair.target))
    with model.lock, torch.inference_mode():
        output: Any = model.model(input_ids=source, attention_mask=torch.ones_like(source), decoder_input_ids=target[:, :-1],
                                  use_cache=False, output_attentions=True)
    given = (output.cross_attentions, output.decoder_attentions, output.encoder_attentions)
    if not all(given) or any(layer is None for layers in given for layer in layers):
        raise ModelError(f"{model.name} gives no attention; load it with load_translator, which asks for eager attention.")
    cross, own, encoder = (np.stack([layer[0].float().cpu().numpy() for layer in layers]) for layers in given)
    return cross, own, encoder


def _by_token(text: TokenizedText) -> np.ndarray:
    """1 where a position belongs to a token, else 0 (tokens, length)."""
    return np.asarray(np.arange(len(text.offsets))[:, None] == token_owners(text), dtype=np.float64)


def _means(members: np.ndarray) -> np.ndarray:
    return np.asarray(members / members.sum(1, keepdims=True))


def _merge(weights: np.ndarray, queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Weights (layers, heads, query, key) with queries averaged by (groups, query) and keys summed by (groups, key)."""
    return np.asarray(queries @ (weights @ keys.T), dtype=np.float32)
