"""What a translation took from the source and what from its own beginning, with what looks wrong about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.errors import InputError, ModelError
from xai.sequence_attribution import SequenceAttribution

IGNORING_SHARE = 0.2  # a target token with less of its attribution on the source hardly looks at it
UNTOUCHED_SHARE = 0.5  # a source token that no target token gives half of an even share is looked at by none


@dataclass(frozen=True)
class Contributions:
    """Shares of source and prefix in every target token (Voita et al. 2021; Ferrando et al. 2022), and what is out of the ordinary.

    Attributes:
        target_tokens: The target tokens (or words).
        source_tokens: The source tokens (or words).
        source_shares: Part of the source in the absolute attribution of each target token (target,), 0-1; the rest is the prefix's. The
            first target token has no prefix and the share 1.
        ignores_source: Whether a share is under `threshold`: the token may be made up (target,).
        threshold: Share (0-1) under which a token hardly looks at the source.
        touches: The largest share (0-1) that a target token gives to each source token among all source tokens (source,).
        untouched: Whether that is under `touch_threshold`: the source token may be left untranslated (source,). Punctuation never is.
        touch_threshold: Share (0-1) under which nothing looks at a source token.
    """

    target_tokens: tuple[str, ...]
    source_tokens: tuple[str, ...]
    source_shares: np.ndarray
    ignores_source: np.ndarray
    threshold: float
    touches: np.ndarray
    untouched: np.ndarray
    touch_threshold: float

    def __post_init__(self) -> None:
        """Raises ModelError when an array does not fit the tokens."""
        for name, count in (("source_shares", len(self.target_tokens)), ("ignores_source", len(self.target_tokens)),
                            ("touches", len(self.source_tokens)), ("untouched", len(self.source_tokens))):
            if getattr(self, name).shape != (count,):
                raise ModelError(f"The contributions have {name} of shape {getattr(self, name).shape}, expected ({count},).")


def contributions(attribution: SequenceAttribution, *, threshold: float = IGNORING_SHARE) -> Contributions:
    """Shares and warnings of an attribution; of words where it was merged by `words()`.

    Args:
        attribution: Of any method; `cross_attention` tells where the model looked, the others what moved it.
        threshold: Share (0-1) of the source under which a target token is flagged.

    Raises:
        InputError: The threshold is no share.
    """
    if not 0 <= threshold <= 1:
        raise InputError(f"The threshold is {threshold}, expected a share between 0 and 1.")
    shares = source_shares(attribution)
    amounts = np.abs(attribution.source_scores)
    touches = (amounts / np.maximum(amounts.sum(1, keepdims=True), 1e-12)).max(0)
    written = np.array([any(character.isalnum() for character in token) for token in attribution.source_tokens])
    lowest = UNTOUCHED_SHARE / len(touches)
    return Contributions(attribution.target_tokens, attribution.source_tokens, shares, shares < threshold, threshold, touches,
                         written & (touches < lowest), lowest)


def source_shares(attribution: SequenceAttribution) -> np.ndarray:
    """Part of the source in the absolute attribution of each target token (target,), 0-1; 1 where nothing moved the token."""
    source = np.abs(attribution.source_scores).sum(1)
    prefix = np.zeros_like(source) if attribution.prefix_scores is None else np.abs(attribution.prefix_scores).sum(1)
    whole = source + prefix
    return np.where(whole > 0, source / np.where(whole > 0, whole, 1), 1.0)
