"""Occlusion: how the probability falls when one token is masked (Zeiler & Fergus 2014; Li et al. 2016)."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from models.classifier import Classifier
from models.progress import Progress, no_progress
from xai.attribution import Attribution
from xai.forced_pair import ForcedPair, SequenceScores
from xai.masking import MaskedOutput
from xai.sequence_masking import MaskedTranslation


def explain_occlusion(
    model: Classifier, text: str, target: str | None = None, *, seed: int = 0, progress: Progress = no_progress
) -> Attribution:
    """Scores value - value without the token, one evaluation a token; deterministic, so the seed has no effect."""
    started = time.perf_counter()
    output = MaskedOutput(model, text, target, progress)
    count = len(output.tokenized.offsets)
    output.expected = count + output.evaluations
    scores = output.value - output(~np.eye(count, dtype=bool))
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method="occlusion", target=output.target, output="probability",
        value=output.value, base_value=output.base_value, convergence_delta=None, evaluations=output.evaluations,
        seconds=time.perf_counter() - started, parameters={"seed": seed}, truncated_at=output.tokenized.truncated_at,
    )


def sequence_occlusion(pair: ForcedPair, rows: Sequence[int], *, seed: int = 0, progress: Progress = no_progress) -> SequenceScores:
    """Scores log-probability - log-probability without one source or prefix token; one evaluation a token gives all target tokens."""
    output = MaskedTranslation(pair, rows, progress)
    output.expected = output.features + output.evaluations
    scores = output.values[:, None] - output(~np.eye(output.features, dtype=bool)).T
    source_scores, prefix_scores = output.split(scores)
    return SequenceScores(source_scores, prefix_scores, output.values, output.base_values, output.evaluations, baseline=output.baseline)
