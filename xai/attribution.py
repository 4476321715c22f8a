"""The result every attribution method returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.errors import ModelError


@dataclass(frozen=True)
class Attribution:
    """How much each token moved one output of the model.

    Attributes:
        text: The text the offsets point into.
        tokens: Surface of each token (tokens,).
        offsets: Character span of each token in `text` (tokens,).
        word_ids: Number of the word each token belongs to (tokens,).
        scores: Contribution of each token, in the unit of `output` (tokens,), float64.
        method: Name of the method.
        target: The explained label.
        output: "probability" (0-1) or "logit".
        value: The output for the text.
        base_value: The output without any token; additive methods have sum(scores) = value - base_value.
        convergence_delta: sum(scores) - (value - base_value), or None where the method is not additive.
        evaluations: Model evaluations spent (texts through the model, a gradient counts as one).
        seconds: Wall time.
        parameters: What the method was run with, the seed included.
        diagnostics: What tells how far to trust it, e.g. r_squared of LIME.
        truncated_at: Character from which on the model did not see the text, or None.
    """

    text: str
    tokens: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]
    word_ids: tuple[int, ...]
    scores: np.ndarray
    method: str
    target: str
    output: str
    value: float
    base_value: float
    convergence_delta: float | None
    evaluations: int
    seconds: float
    parameters: dict[str, Any] = field(default_factory=dict)
    diagnostics: dict[str, Any] = field(default_factory=dict)
    truncated_at: int | None = None

    def __post_init__(self) -> None:
        """Raises ModelError when the scores do not fit the tokens or are not finite."""
        if self.scores.shape != (len(self.tokens),) or len(self.offsets) != len(self.tokens):
            raise ModelError(
                f"{self.method} gave {self.scores.shape} scores for {len(self.tokens)} tokens, expected one a token."
            )
        if not np.isfinite(self.scores).all():
            raise ModelError(f"{self.method} gave scores that are not numbers; the model cannot be explained this way.")

    def words(self) -> Attribution:
        """The same attribution with the tokens of a word merged and their scores summed."""
        numbers = np.array(self.word_ids)
        firsts = [int(np.flatnonzero(numbers == word)[0]) for word in range(int(numbers.max()) + 1)]
        lasts = [int(np.flatnonzero(numbers == word)[-1]) for word in range(int(numbers.max()) + 1)]
        offsets = tuple((self.offsets[a][0], self.offsets[b][1]) for a, b in zip(firsts, lasts, strict=True))
        return replace(
            self,
            tokens=tuple(self.text[start:end] for start, end in offsets),
            offsets=offsets,
            word_ids=tuple(range(len(offsets))),
            scores=np.bincount(numbers, weights=self.scores),
        )

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        content = dict(vars(self))
        content["scores"] = self.scores.tolist()
        content["offsets"] = [list(span) for span in self.offsets]
        return content
