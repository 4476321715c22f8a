"""Attention of every layer and head on tokens a person can read, and attention rollout (Abnar & Zuidema 2020)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from models.classifier import Classifier
from models.errors import ModelError
from models.progress import Progress, no_progress
from models.tokens import TokenizedText, tokenize
from xai.attribution import Attribution
from xai.masking import MaskedOutput


@dataclass(frozen=True)
class AttentionMap:
    """Where each token looked, in every layer and head.

    Attributes:
        text: The text the offsets point into.
        tokens: What is shown for each place; special tokens by their name, e.g. [CLS] (places,).
        offsets: Character span of each place in `text`, None for special tokens (places,).
        word_ids: Number of the word of each place, None for special tokens (places,).
        weights: Shares of attention (layers, heads, query, key), float32; each row sums to 1.
        truncated_at: Character from which on the model did not see the text, or None.
    """

    text: str
    tokens: tuple[str, ...]
    offsets: tuple[tuple[int, int] | None, ...]
    word_ids: tuple[int | None, ...]
    weights: np.ndarray
    truncated_at: int | None = None

    def __post_init__(self) -> None:
        """Raises ModelError when the weights do not fit the tokens or a row does not sum to 1."""
        places = len(self.tokens)
        if self.weights.ndim != 4 or self.weights.shape[2:] != (places, places):
            raise ModelError(f"The attention has shape {self.weights.shape}, expected (layers, heads, {places}, {places}).")
        if not np.allclose(self.weights.sum(-1), 1, atol=1e-3):
            raise ModelError("The attention of a token does not sum to 1; this model's attention cannot be shown as shares.")

    def rollout(self) -> np.ndarray:
        """Attention through all layers with the residual connection counted as half (query, key); rows sum to 1."""
        through = np.eye(len(self.tokens))
        for layer in self.weights.astype(np.float64).mean(1):
            through = (0.5 * layer + 0.5 * np.eye(len(layer))) @ through
        return through

    def words(self) -> AttentionMap:
        """The same map with the tokens of a word merged: shares received are summed, shares given are averaged."""
        groups: dict[tuple[str, int], list[int]] = {}
        for place, word in enumerate(self.word_ids):
            groups.setdefault(("special", place) if word is None else ("word", word), []).append(place)
        merged = list(groups.values())
        offsets = tuple(_span(self.offsets, group) for group in merged)
        tokens = tuple(
            self.tokens[group[0]] if span is None else self.text[span[0] : span[1]]
            for span, group in zip(offsets, merged, strict=True)
        )
        return replace(self, tokens=tokens, offsets=offsets, word_ids=tuple(self.word_ids[group[0]] for group in merged),
                       weights=_merge(self.weights, merged))


def maps(model: Classifier, text: str) -> AttentionMap:
    """The attention of the model on a text.

    Raises:
        InputError: The text is empty.
        ModelError: The model gives no attention.
    """
    tokenized = tokenize(model, text)
    return map_of(model, tokenized, raw_attentions(model, tokenized))


def map_of(model: Classifier, tokenized: TokenizedText, weights: np.ndarray) -> AttentionMap:
    """Weights (layers, heads, length, length) between the ids of a text as a map between places a person can read."""
    owner = {place: token for token, places in enumerate(tokenized.positions) for place in places}
    groups: list[list[int]] = []
    shown: list[int | None] = []
    for place, special in enumerate(tokenized.special):
        token = None if special else owner.get(place)
        if token is not None and shown and shown[-1] == token:
            groups[-1].append(place)
        else:
            groups.append([place])
            shown.append(token)
    surfaces, ids = tokenized.tokens, [tokenized.input_ids[group[0]] for group in groups]
    names = model.tokenizer.convert_ids_to_tokens(ids)
    return AttentionMap(
        text=tokenized.text,
        tokens=tuple(name if token is None else surfaces[token] for token, name in zip(shown, names, strict=True)),
        offsets=tuple(None if token is None else tokenized.offsets[token] for token in shown),
        word_ids=tuple(None if token is None else tokenized.word_ids[token] for token in shown),
        weights=_merge(weights, groups), truncated_at=tokenized.truncated_at,
    )


def explain_attention_rollout(
    model: Classifier, text: str, target: str | None = None, *, seed: int = 0, progress: Progress = no_progress
) -> Attribution:
    """Scores are the share of the classifying token's rolled-out attention on each token (0-1).

    Attention says where the model looked, not for which label: the scores are the same for every target and never
    negative; neither seed nor target has an effect.
    """
    started = time.perf_counter()
    output = MaskedOutput(model, text, target, progress)
    attention = maps(model, text)
    rolled = attention.rollout()
    row = rolled[0] if attention.offsets[0] is None else rolled.mean(0)
    by_span = {span: float(row[place]) for place, span in enumerate(attention.offsets) if span is not None}
    scores = np.array([by_span.get(span, 0.0) for span in output.tokenized.offsets])
    progress(output.evaluations + 1, output.evaluations + 1)
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method="attention_rollout", target=output.target,
        output="probability", value=output.value, base_value=output.base_value, convergence_delta=None,
        evaluations=output.evaluations + 1, seconds=time.perf_counter() - started, parameters={"seed": seed},
        diagnostics={"special_token_share": float(1 - scores.sum())}, truncated_at=output.tokenized.truncated_at,
    )


def raw_attentions(model: Classifier, tokenized: TokenizedText) -> np.ndarray:
    """Weights (layers, heads, length, length) between the ids of a text.

    Raises:
        ModelError: The model gives no attention.
    """
    ids = torch.tensor([tokenized.input_ids], device=model.device)
    with model.lock, torch.inference_mode():
        given: Any = model.model(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True).attentions
    if not given:
        raise ModelError(f"{model.name} gives no attention; load it with load_classifier, which asks for eager attention.")
    return np.stack([layer[0].float().cpu().numpy() for layer in given])


def _merge(weights: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Keys of a group summed, queries of a group averaged, so that rows still sum to 1."""
    if len(groups) == weights.shape[-1]:
        return weights
    member = np.zeros((len(groups), weights.shape[-1]), dtype=np.float32)
    for row, group in enumerate(groups):
        member[row, list(group)] = 1
    return np.asarray((member / member.sum(1, keepdims=True)) @ (weights @ member.T), dtype=np.float32)


def _span(offsets: Sequence[tuple[int, int] | None], group: Sequence[int]) -> tuple[int, int] | None:
    spans = [span for place in group if (span := offsets[place]) is not None]
    return (spans[0][0], spans[-1][1]) if spans else None
