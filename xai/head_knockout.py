"""Heads switched off: how the output changes when what a head gives is set to zero (Michel et al. 2019; Voita et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models.classifier import Classifier
from models.errors import ModelError
from models.inference import TOKEN_BUDGET, halving, softmax
from models.progress import Progress, no_progress
from models.tokens import TokenizedText, tokenize
from xai.attention_parts import ENCODER, AttentionPart, Head, attention_parts, check_heads, silencing
from xai.forced_pair import ForcedPair
from xai.masking import resolve_target
from xai.sequence_attribution import LOG_PROBABILITY


@dataclass(frozen=True)
class HeadEffects:
    """What each head does for one output.

    Attributes:
        target: The explained label, or the translation.
        output: "probability" (0-1), or "log_probability" of the whole translation (nats).
        value: The output of the whole model.
        effects: By block ("encoder"; of translators also "decoder" and "cross") the output less that without each head (layers, heads).
    """

    target: str
    output: str
    value: float
    effects: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        """Raises ModelError when an effect is not finite."""
        if not all(np.isfinite(effects).all() for effects in self.effects.values()):
            raise ModelError("Without some head the model gives values that are not numbers; its heads cannot be switched off one by one.")

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return {**vars(self), "effects": {block: effects.tolist() for block, effects in self.effects.items()}}


def knock_out_heads(model: Classifier, text: str, target: str | None = None, *, progress: Progress = no_progress) -> HeadEffects:
    """The effect of every head on the probability of a label; one evaluation a head, many heads in a batch.

    Raises:
        InputError: The text is empty or the target unknown.
        ModelError: The model's attention modules cannot be found.
    """
    tokenized, parts = tokenize(model, text), attention_parts(model)
    heads = _all_heads(parts)
    probabilities = softmax(_classify(model, parts, tokenized, [[], *([head] for head in heads)], progress))
    target = resolve_target(model, target, model.labels[int(probabilities[0].argmax())])
    values = probabilities[:, model.labels.index(target)]
    return HeadEffects(target, "probability", float(values[0]), _by_block(parts, values[0] - values[1:]))


def knock_out_pair_heads(pair: ForcedPair, *, progress: Progress = no_progress) -> HeadEffects:
    """The effect of every head of encoder, decoder and cross-attention on the log-probability of the whole translation.

    Raises:
        ModelError: The model's attention modules cannot be found.
    """
    parts = attention_parts(pair.model)
    heads = _all_heads(parts)
    values = _score(pair, parts, [[], *([head] for head in heads)], progress).sum(1)
    return HeadEffects(pair.target.text, LOG_PROBABILITY, float(values[0]), _by_block(parts, values[0] - values[1:]))


def predict_without(model: Classifier, text: str, heads: Collection[tuple[int, int]]) -> dict[str, float]:
    """Probability (0-1) of each label with some heads, by layer and number, switched off together.

    Raises:
        InputError: The text is empty or there is no such head.
        ModelError: The model's attention modules cannot be found.
    """
    parts, silent = attention_parts(model), [(ENCODER, layer, head) for layer, head in heads]
    check_heads(parts, silent)
    probabilities = softmax(_classify(model, parts, tokenize(model, text), [silent], no_progress))
    return dict(zip(model.labels, probabilities[0].tolist(), strict=True))


def score_without(pair: ForcedPair, heads: Collection[Head]) -> np.ndarray:
    """Log-probability in nats of each target token (target,) with some heads switched off together.

    Raises:
        InputError: There is no such head.
        ModelError: The model's attention modules cannot be found.
    """
    parts = attention_parts(pair.model)
    check_heads(parts, heads)
    return np.asarray(_score(pair, parts, [list(heads)], no_progress)[0])


def _classify(
    model: Classifier, parts: dict[str, list[AttentionPart]], tokenized: TokenizedText, rows: Sequence[Collection[Head]], progress: Progress
) -> np.ndarray:
    """Logits (rows, labels) of one text with the heads of each row switched off."""
    ids = torch.tensor([tokenized.input_ids], device=model.device)

    def evaluate(silent: Sequence[Collection[Head]]) -> list[np.ndarray]:
        batch = ids.expand(len(silent), -1)
        with silencing(model, parts, silent), torch.inference_mode():
            return list(model.model(input_ids=batch, attention_mask=torch.ones_like(batch)).logits.float().cpu().numpy())

    return _in_batches(evaluate, rows, len(tokenized.input_ids), progress)


def _score(pair: ForcedPair, parts: dict[str, list[AttentionPart]], rows: Sequence[Collection[Head]], progress: Progress) -> np.ndarray:
    """Log-probabilities in nats (rows, target) of one pair with the heads of each row switched off."""
    model = pair.model
    source, target = (torch.tensor([text.input_ids], device=model.device) for text in (pair.source, pair.target))
    members = np.array([[place in places for place in range(1, target.shape[1])] for places in pair.target.positions], dtype=np.float64)

    def evaluate(silent: Sequence[Collection[Head]]) -> list[np.ndarray]:
        sources, targets = source.expand(len(silent), -1), target.expand(len(silent), -1)
        with silencing(model, parts, silent), torch.inference_mode():
            logits = model.model(input_ids=sources, attention_mask=torch.ones_like(sources), decoder_input_ids=targets[:, :-1], use_cache=False).logits
            said = logits.double().log_softmax(-1).gather(-1, targets[:, 1:, None])[..., 0]
        return list(said.cpu().numpy() @ members.T)

    return _in_batches(evaluate, rows, source.shape[1] + target.shape[1], progress)


def _in_batches(
    evaluate: Callable[[Sequence[Collection[Head]]], list[np.ndarray]], rows: Sequence[Collection[Head]], length: int, progress: Progress
) -> np.ndarray:
    """Results of all rows, a batch at a time."""
    size, found = max(1, TOKEN_BUDGET // length), list[np.ndarray]()
    for start in range(0, len(rows), size):
        found += halving(evaluate, rows[start : start + size], length)
        progress(len(found), len(rows))
    return np.array(found)


def _all_heads(parts: dict[str, list[AttentionPart]]) -> list[Head]:
    return [(part.block, part.layer, head) for layers in parts.values() for part in layers for head in range(part.heads)]


def _by_block(parts: dict[str, list[AttentionPart]], effects: np.ndarray) -> dict[str, np.ndarray]:
    """Effects in the order of `_all_heads` as (layers, heads) of each block."""
    found, start = {}, 0
    for block, layers in parts.items():
        count = sum(part.heads for part in layers)
        found[block] = effects[start : start + count].reshape(len(layers), -1)
        start += count
    return found
