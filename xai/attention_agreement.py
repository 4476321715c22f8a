"""How far attention and an attribution tell the same of the words of a text (Jain & Wallace 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import jensenshannon

from models.errors import InputError
from xai.attribution import Attribution
from xai.sequence_attribution import SequenceAttribution
from xai.stability import TOP, correlate, top_overlap, word_orders


@dataclass(frozen=True)
class AttentionAgreement:
    """What attention and the size of attribution scores have in common; attention has no sign, so that of the scores is left out.

    Attributes:
        kendall_tau: τ-b of both (-1 to 1); 0 where one of them is the same for all words.
        spearman: Spearman's ρ (-1 to 1), likewise.
        divergence: Jensen–Shannon divergence of both as shares of the words, base 2 (0-1): 0 where they are the same.
        overlap: Share of the first three words that both have (0-1).
        expected_overlap: What chance gives (0-1).
        p_value: Share of orders of the words, this one included, in which τ is as large (0-1).
    """

    kendall_tau: float
    spearman: float
    divergence: float
    overlap: float
    expected_overlap: float
    p_value: float

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return dict(vars(self))


def compare_with_attribution(shares: np.ndarray, attribution: Attribution | SequenceAttribution) -> AttentionAgreement:
    """The agreement of attention with an explanation, by its tokens or words as it is given.

    Special tokens are left out on both sides, and what is left is divided by its sum. Of a translation all measures are means over the target tokens;
    the p-value is that of the mean τ, with the source tokens of every target token in the same random order.

    Args:
        shares: Attention on each token (tokens,), or of a translation by each target token on each source token (target, source).
        attribution: Of the same tokens.

    Raises:
        InputError: The shares are not of the tokens of the explanation.
    """
    scores = attribution.source_scores if isinstance(attribution, SequenceAttribution) else attribution.scores
    if np.shape(shares) != scores.shape:
        raise InputError(f"The attention has shape {np.shape(shares)}, the explanation {scores.shape}; compare both by tokens, or both by words.")
    looked, moved = np.atleast_2d(np.asarray(shares, dtype=np.float64)), np.atleast_2d(np.abs(scores))
    tokens = looked.shape[1]
    orders = word_orders(tokens, 0)
    concordant = np.mean([_taus(one[orders], other) for one, other in zip(looked, moved, strict=True)], axis=0)
    return AttentionAgreement(
        float(concordant[0]), float(np.mean([correlate(one, other) or 0.0 for one, other in zip(looked, moved, strict=True)])),
        float(np.mean([_divergence(one, other) for one, other in zip(looked, moved, strict=True)])),
        float(np.mean([top_overlap(one, other, TOP) for one, other in zip(looked, moved, strict=True)])), min(TOP, tokens) / tokens,
        float((concordant >= concordant[0] - 1e-9).mean()))


def _taus(orders: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """τ-b (Kendall 1945) of scores (tokens,) with each row of values (orders, tokens)."""
    first, second = np.triu_indices(len(scores), 1)
    signs = np.sign(scores[first] - scores[second])
    others = np.sign(orders[:, first] - orders[:, second])
    scale = np.sqrt(np.abs(signs).sum() * np.abs(others).sum(1))
    return np.asarray(np.divide(others @ signs, scale, out=np.zeros(len(orders)), where=scale > 0))


def _divergence(one: np.ndarray, other: np.ndarray) -> float:
    """Jensen–Shannon divergence; 1 where one of both gives nothing to any token."""
    return float(jensenshannon(one, other, base=2) ** 2) if one.sum() > 0 and other.sum() > 0 else 1.0
