"""Integrated gradients, input × gradient and saliency of every target token, on the embeddings of encoder and decoder at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import InputError
from models.progress import Progress, no_progress
from xai.embedded_translation import EmbeddedTranslation, Reduction
from xai.forced_pair import ForcedPair, SequenceScores

N_STEPS = 16  # on the whole path of a target token; on each half of a stretch that is cut, half as many
MAX_STEPS = 1_024  # on all stretches of a target token together
RELATIVE_DELTA = 0.01  # stretches are cut until |convergence_delta| is under this share of |value - base_value| …
ABSOLUTE_DELTA = 5e-5  # … or under this many nats, which single precision hardly resolves


def sequence_integrated_gradients(
    pair: ForcedPair, rows: Sequence[int], *, seed: int = 0, progress: Progress = no_progress, n_steps: int = N_STEPS
) -> SequenceScores:
    """Scores along the straight path from masked to given tokens, source and prefix together (Sundararajan et al. 2017).

    Every target token has a path of its own, on which only tokens before it are masked; at the same share all paths share a forward pass.
    `n_steps` Gauss-Legendre steps go over each path; while the delta of a target token is not small, the stretch of its path whose own
    delta is largest is cut in two, until MAX_STEPS are taken. Deterministic, so the seed has no effect.

    Raises:
        InputError: `n_steps` is out of range.
    """
    if not 2 <= n_steps <= MAX_STEPS:
        raise InputError(f"n_steps is {n_steps}, expected 2 to {MAX_STEPS} (the default is {N_STEPS}).")
    output = EmbeddedTranslation(pair, rows, progress)
    ends = [_Part(number, 0.0, 1.0, *values) for number, values in enumerate(zip(output.base_values, output.values, strict=True))]
    paths = [_Path([stretch], n_steps) for stretch in _stretches(output, ends, n_steps)]
    half = max(2, n_steps // 2)
    bounds = np.maximum(RELATIVE_DELTA * np.abs(output.values - output.base_values), ABSOLUTE_DELTA)
    while bent := [path for path, bound in zip(paths, bounds, strict=True) if abs(path.delta) > bound and path.steps + 2 * half <= MAX_STEPS]:
        halves = iter(_stretches(output, _halves(output, [path.take_worst() for path in bent]), half))
        for path in bent:
            path.stretches += [next(halves), next(halves)]
            path.steps += 2 * half
    scores = np.array([path.scores for path in paths])
    return _scores(output, scores, np.array([path.delta for path in paths]), {"n_steps": [path.steps for path in paths]})


def sequence_input_x_gradient(
    pair: ForcedPair, rows: Sequence[int], *, seed: int = 0, progress: Progress = no_progress
) -> SequenceScores:
    """Scores embedding · gradient of the log-probability (Shrikumar et al. 2016); not additive; the seed has no effect."""
    output = EmbeddedTranslation(pair, rows, progress)
    return _scores(output, _at_the_text(output, lambda gradient, embedding, _: (gradient * embedding).sum(-1)), None, {})


def sequence_saliency(pair: ForcedPair, rows: Sequence[int], *, seed: int = 0, progress: Progress = no_progress) -> SequenceScores:
    """Scores are the Euclidean norm of the gradient of the log-probability (Simonyan et al. 2014; Ding et al. 2019).

    Never negative and not additive: how strongly a token could move the answer, not which way it did. The seed has no effect.
    """
    output = EmbeddedTranslation(pair, rows, progress)
    return _scores(output, _at_the_text(output, lambda gradient, *_: gradient.norm(dim=-1)), None, {})


@dataclass(frozen=True)
class _Part:
    """A part of the path of one row, in shares of the way from masked to given (0-1), and the log-probability at both ends."""

    row: int
    start: float
    end: float
    before: float
    after: float


@dataclass(frozen=True)
class _Stretch:
    """A part and the integrated gradients along it, of source and prefix tokens (source + target,)."""

    part: _Part
    scores: np.ndarray

    @property
    def delta(self) -> float:
        """Sum of the scores less what the log-probability changes along the part."""
        return float(self.scores.sum()) - (self.part.after - self.part.before)


@dataclass
class _Path:
    """The path of one row in stretches, whose integrated gradients add up."""

    stretches: list[_Stretch]
    steps: int

    @property
    def scores(self) -> np.ndarray:
        """Of source and prefix tokens (source + target,)."""
        return np.asarray(np.sum([stretch.scores for stretch in self.stretches], axis=0))

    @property
    def delta(self) -> float:
        """Of the whole path."""
        return sum(stretch.delta for stretch in self.stretches)

    def take_worst(self) -> _Part:
        """The part of the stretch with the largest delta, which leaves the path."""
        worst = max(self.stretches, key=lambda stretch: abs(stretch.delta))
        self.stretches.remove(worst)
        return worst.part


def _stretches(output: EmbeddedTranslation, parts: Sequence[_Part], steps: int) -> list[_Stretch]:
    """Integrated gradients along parts of paths, all in common batches."""
    places, weights = np.polynomial.legendre.leggauss(steps)
    places, weights = (places + 1) / 2, weights / 2
    asked = [(part.row, part.start + (part.end - part.start) * float(place)) for part in parts for place in places]
    products = output.differentiate(asked, lambda gradient, _, difference: (gradient * difference).sum(-1))
    by_part = np.einsum("k,pkf->pf", weights, products.reshape(len(parts), steps, -1))
    return [_Stretch(part, (part.end - part.start) * scores) for part, scores in zip(parts, by_part, strict=True)]


def _halves(output: EmbeddedTranslation, parts: Sequence[_Part]) -> list[_Part]:
    """Each part in two, side by side."""
    middles = [(part.start + part.end) / 2 for part in parts]
    values = output.evaluate([(part.row, middle) for part, middle in zip(parts, middles, strict=True)])
    return [half for part, middle, value in zip(parts, middles, values.tolist(), strict=True)
            for half in (_Part(part.row, part.start, middle, part.before, value), _Part(part.row, middle, part.end, value, part.after))]


def _at_the_text(output: EmbeddedTranslation, reduce: Reduction) -> np.ndarray:
    """What is made of the gradient at the given embeddings, for every row (rows, source + target)."""
    return output.differentiate([(number, 1.0) for number in range(len(output.rows))], reduce)


def _scores(output: EmbeddedTranslation, scores: np.ndarray, delta: np.ndarray | None, parameters: dict[str, Any]) -> SequenceScores:
    sources = len(output.pair.source.offsets)
    return SequenceScores(
        source_scores=scores[:, :sources], prefix_scores=scores[:, sources:], values=output.values, base_values=output.base_values,
        evaluations=output.evaluations, convergence_delta=delta, baseline=output.baseline, parameters=parameters,
    )
