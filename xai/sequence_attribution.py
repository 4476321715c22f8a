"""The result every attribution method returns for a translation: one row of scores a target token."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.errors import ModelError
from models.tokens import TokenizedText

LOG_PROBABILITY = "log_probability"
ATTENTION_SHARE = "attention_share"  # scores that say where the model looked, not what moved its answer


@dataclass(frozen=True)
class SequenceAttribution:
    """How much each source token and each earlier target token moved the probability of every target token.

    Attributes:
        method: Name of the method.
        source: The source; what its `offsets` point into is what the model saw.
        target: The explained translation, as the decoder is made to write it.
        source_language, target_language: Languages, as in the model's scheme.
        source_scores: Contribution of each source token to each target token, in the unit of `output` (target, source), float64.
        prefix_scores: Contribution of each earlier target token (target, target), float64: row t, column s, nothing but zeros where
            s >= t; or None where a method has none.
        values: Log-probability in nats of each target token, given the source and everything before it (target,).
        base_values: The same with every source token and every earlier target token missing (target,); additive methods have
            source_scores.sum(1) + prefix_scores.sum(1) = values - base_values.
        convergence_delta: What that sum is off by (target,), or None where the method is not additive.
        evaluations: Pairs of source and target that went through the model (a gradient counts as one).
        seconds: Wall time.
        output: "log_probability" (nats), or "attention_share" (0-1).
        r_squared: How well LIME's linear model fits, by target token (target,), or None.
        baseline: What stands for a missing token.
        parameters: What the method was run with, the seed included.
    """

    method: str
    source: TokenizedText
    target: TokenizedText
    source_language: str
    target_language: str
    source_scores: np.ndarray
    prefix_scores: np.ndarray | None
    values: np.ndarray
    base_values: np.ndarray
    convergence_delta: np.ndarray | None
    evaluations: int
    seconds: float
    output: str = LOG_PROBABILITY
    r_squared: np.ndarray | None = None
    baseline: str = "none"
    parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ModelError when an array has another shape than the tokens ask for, is not finite, or a token looks ahead."""
        sources, targets = len(self.source.offsets), len(self.target.offsets)
        shapes = {"source_scores": (targets, sources), "prefix_scores": (targets, targets), "values": (targets,),
                  "base_values": (targets,), "convergence_delta": (targets,), "r_squared": (targets,)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array is None:
                continue
            if array.shape != shape:
                raise ModelError(f"{self.method} gave {name} of shape {array.shape} for {targets} target and {sources} source tokens, "
                                 f"expected {shape}.")
            if not np.isfinite(array).all():
                raise ModelError(f"{self.method} gave {name} that are not numbers; the model cannot be explained this way.")
        if self.prefix_scores is not None and np.triu(self.prefix_scores).any():
            raise ModelError(f"{self.method} gave a target token a score for itself or for a later one, expected earlier ones only.")

    @property
    def source_tokens(self) -> tuple[str, ...]:
        """Surface of each source token (source,)."""
        return self.source.tokens

    @property
    def target_tokens(self) -> tuple[str, ...]:
        """Surface of each target token (target,)."""
        return self.target.tokens

    @property
    def hypothesis(self) -> str:
        """The explained translation."""
        return self.target.text

    def words(self) -> SequenceAttribution:
        """The same attribution with the tokens of a word merged on both sides.

        Scores, values and deltas of a word are sums, so that they stay additive; what a word's pieces owe to its own earlier pieces
        counts as given and goes to the base value. Shares of attention are summed over source tokens and averaged over target tokens.
        """
        columns, rows = membership(self.source.word_ids), membership(self.target.word_ids)
        weights = rows / rows.sum(1, keepdims=True) if self.output == ATTENTION_SHARE else rows
        base_values, prefix = rows @ self.base_values, None
        if self.prefix_scores is not None:
            whole = weights @ self.prefix_scores @ rows.T
            prefix = np.tril(whole, -1)
            base_values = base_values if self.output == ATTENTION_SHARE else base_values + np.diag(whole)
        return replace(
            self, source=merged(self.source), target=merged(self.target), source_scores=weights @ self.source_scores @ columns.T,
            prefix_scores=prefix, values=rows @ self.values, base_values=base_values,
            convergence_delta=None if self.convergence_delta is None else rows @ self.convergence_delta,
            r_squared=None if self.r_squared is None else np.array([self.r_squared[row > 0].min() for row in rows]),
        )

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values; both texts by their tokens, offsets and word numbers."""
        content = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}
        for side in ("source", "target"):
            text: TokenizedText = content.pop(side)
            content |= {f"{side}_text": text.text, f"{side}_tokens": list(text.tokens), f"{side}_offsets": [list(span) for span in text.offsets],
                        f"{side}_word_ids": list(text.word_ids), f"{side}_truncated_at": text.truncated_at}
        return content


def membership(word_ids: tuple[int, ...]) -> np.ndarray:
    """1 where a token belongs to a word, else 0 (words, tokens), float64."""
    numbers = np.array(word_ids, dtype=int)
    return np.asarray(np.arange(max(word_ids) + 1)[:, None] == numbers, dtype=np.float64)


def merged(text: TokenizedText) -> TokenizedText:
    """The same text with its words for tokens."""
    groups = [np.flatnonzero(row).tolist() for row in membership(text.word_ids)]
    return replace(
        text, offsets=tuple((text.offsets[group[0]][0], text.offsets[group[-1]][1]) for group in groups),
        positions=tuple(tuple(place for token in group for place in text.positions[token]) for group in groups),
        word_ids=tuple(range(len(groups))),
    )
