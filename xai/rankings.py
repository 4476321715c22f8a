"""A ranking of the words of a text, measured by what a model says when words are missing, against random rankings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from models.errors import InputError

VERDICTS = ("faithful", "not better than chance", "worse than chance", "cannot tell")
REASONS = ("", "too few words", "nothing to explain", "few words decide")
FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)  # of ERASER
LEVEL = 0.025  # of each direction, so 5 % for both verdicts that leave chance
BASELINES = 100
FEWEST = 40  # random rankings, with which LEVEL can be reached
STEPS = 20  # of the curves; texts of up to as many words are followed word by word
MOVEMENT = 0.01  # of the output (probability or nats): a model that moves less has nothing to explain
TOLERANCE = 1e-6  # of float32 logits; differences below are none
EQUAL = 0.01  # of the range of a measure over the rankings; what differs by less is equally good

WordOutput = Callable[[np.ndarray], np.ndarray]
"""Output (masks,) for masks (masks, words) that are true where a word stays."""


@dataclass(frozen=True)
class RankingMeasure:
    """One measure of the ranking, beside the same measure of random rankings of the same words.

    Attributes:
        value: Of the explanation, in the unit of the output; Kendall's τ-b is -1 to 1.
        random_mean, low, high: Mean and 2.5-97.5 % interval over all rankings compared.
        p_value: Share of the rankings that are at least as good, this one included: (1 + k) / (1 + B) (0-1).
        p_worse: The same for at least as bad (0-1).
        best_p: p-value of the best of the rankings compared; large where few words decide, since luck finds those, too (0-1).
        is_best: Whether no ranking compared is better.
        higher_is_better: Which end is good.
    """

    value: float
    random_mean: float
    low: float
    high: float
    p_value: float
    p_worse: float
    best_p: float
    is_best: bool
    higher_is_better: bool


@dataclass(frozen=True)
class RankingMeasures:
    """What the model says of one ranking of the words.

    Attributes:
        words: Number of words.
        rankings: Number of rankings compared, this one included.
        counts: Words removed or kept for each of FRACTIONS; in short texts some are equal.
        comprehensiveness, sufficiency: DeYoung et al. (2020), AOPC: mean over the fractions of output - output without the first words, and of
            output - output with the first words only. High comprehensiveness and low sufficiency are good.
        deletion, insertion: Areas (Petsiuk et al. 2018) under the output while words are removed from the first on (low is good) or put in (high is good).
        kendall_tau: τ-b (Kendall 1945) of the scores with the fall of the output without each single word; None where either is constant.
        steps: Words removed or put in at each point of the curves (points,), from 0 to all.
        deletion_curve, insertion_curve: Output at each point (points,).
        random_deletion_curve, random_insertion_curve: Mean of all rankings compared (points,).
        movement: Largest minus smallest output seen.
        smallest_p: Smallest p-value that comprehensiveness and sufficiency can have with so many words and rankings (0-1): the larger of
            1 / rankings and 1 / number of rankings that differ at the counts.
        verdict: One of VERDICTS.
        reason: One of REASONS: why nothing can be told.
    """

    words: int
    rankings: int
    counts: tuple[int, ...]
    comprehensiveness: RankingMeasure
    sufficiency: RankingMeasure
    deletion: RankingMeasure
    insertion: RankingMeasure
    kendall_tau: RankingMeasure | None
    steps: tuple[int, ...]
    deletion_curve: tuple[float, ...]
    insertion_curve: tuple[float, ...]
    random_deletion_curve: tuple[float, ...]
    random_insertion_curve: tuple[float, ...]
    movement: float
    smallest_p: float
    verdict: str
    reason: str

    def __post_init__(self) -> None:
        """Raises InputError for a verdict that cannot be."""
        if self.verdict not in VERDICTS or self.reason not in REASONS:
            raise InputError(f"A ranking has the verdict {self.verdict!r} and the reason {self.reason!r}, expected one of {VERDICTS} and one of {REASONS}.")

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values; each measure by the names of its own."""
        return {name: vars(value) if isinstance(value, RankingMeasure) else list(value) if isinstance(value, tuple) else value
                for name, value in vars(self).items()}


def measure_ranking(evaluate: WordOutput, scores: np.ndarray, *, baselines: int = BASELINES, seed: int = 0) -> RankingMeasures:
    """All measures of the ranking by falling score (words that speak for the target first), each beside random rankings, and the verdict.

    The verdict is `faithful` where comprehensiveness and sufficiency both have p <= 2.5 %, and `worse than chance` where both have p_worse <= 2.5 %.
    Both must, since an explanation claims both: what it marks is needed, and it is enough. As an intersection-union test (Berger 1982) this needs no
    further correction: a random ranking leaves chance in at most 5 % of texts, 2.5 % to each side. Where one of the two cannot reach 2.5 % even for the
    best of the rankings (any of many words is enough for a model that is sure), the explanation must be as good as that best one, and the other measure
    decides alone; which one that is depends on the rankings together, so the 2.5 % hold. `cannot tell` stands where neither can reach it, where there
    are too few words for any ranking to, and where the output moves by less than MOVEMENT whatever is missing.

    Args:
        evaluate: Output for masks over words; equal masks are best evaluated once.
        scores: Of each word (words,).
        baselines: Random rankings, an even number from 40 on.
        seed: Of the rankings.

    Raises:
        InputError: There are too few baselines.
    """
    if baselines < FEWEST or baselines % 2:
        raise InputError(f"There are {baselines} random rankings, expected an even number from {FEWEST} on; fewer cannot tell luck from skill.")
    words = len(scores)
    rankings = compared_rankings(scores, baselines, seed)
    counts = tuple(math.ceil(round(fraction * words, 9)) for fraction in FRACTIONS)
    steps = _steps(words, counts)
    inserted, deleted, falls = _curves(evaluate, rankings, steps)
    whole, at, share = inserted[0, -1], np.searchsorted(steps, counts), steps / words
    movement = float(np.ptp(np.concatenate([inserted.ravel(), deleted.ravel(), whole - falls])))
    smallest_p = max(1 / len(rankings), 1 / _distinct(words, counts))
    found = RankingMeasures(
        words=words, rankings=len(rankings), counts=counts, steps=tuple(steps.tolist()), movement=movement, smallest_p=smallest_p,
        comprehensiveness=_compare((whole - deleted[:, at]).mean(1), True), sufficiency=_compare((whole - inserted[:, at]).mean(1), False),
        deletion=_compare(np.trapezoid(deleted, share), False), insertion=_compare(np.trapezoid(inserted, share), True),
        kendall_tau=_leave_one_out(scores, rankings, falls), deletion_curve=tuple(deleted[0].tolist()), insertion_curve=tuple(inserted[0].tolist()),
        random_deletion_curve=tuple(deleted.mean(0).tolist()), random_insertion_curve=tuple(inserted.mean(0).tolist()), verdict=VERDICTS[1], reason="")
    verdict, reason = _judge(found)
    return replace(found, verdict=verdict, reason=reason)


def compared_rankings(scores: np.ndarray, baselines: int, seed: int) -> np.ndarray:
    """Numbers of the words from the first to the last (rankings, words): by falling score in the first row, then what it is compared with.

    Words with equal scores stand in random order, so that an explanation without an opinion is a random one. Where there are no more rankings than
    asked for, all follow. Else each ranking is followed by its reverse, which removes and keeps the same words, so that two cost as much as one; as the
    first has its reverse too, every ranking is equally likely to be the first one by chance, and p-values are exact (Besag & Clifford 1989).
    """
    generator, words = np.random.default_rng(seed), len(scores)
    first = np.lexsort((generator.random(words), -scores))
    if math.factorial(words) <= baselines + 2:
        return np.array(list(itertools.permutations(first)))
    drawn = generator.permuted(np.tile(np.arange(words), (baselines // 2, 1)), axis=1)
    both = np.vstack([first, drawn])
    return np.stack([both, both[:, ::-1]], axis=1).reshape(-1, words)


def _steps(words: int, counts: Sequence[int]) -> np.ndarray:
    """Points of the curves; with every number stands what is left of the words, so that a reverse ranking needs no other masks."""
    points = {round(words * step / STEPS) for step in range(STEPS + 1)} | set(counts)
    return np.array(sorted(points | {words - point for point in points}))


def _curves(evaluate: WordOutput, rankings: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Output with the first words only and without them (rankings, points), and how it falls without each single word (words,)."""
    words, shape = rankings.shape[1], (len(rankings), len(steps))
    kept = np.argsort(rankings, axis=1)[:, None, :] < steps[:, None]
    values = evaluate(np.vstack([kept.reshape(-1, words), ~kept.reshape(-1, words), ~np.eye(words, dtype=bool)]))
    inserted, deleted = (part.reshape(shape) for part in np.split(values[: 2 * kept.shape[0] * kept.shape[1]], 2))
    return inserted, deleted, inserted[0, -1] - values[-words:]


def _compare(values: np.ndarray, higher_is_better: bool) -> RankingMeasure:
    """The first of the values (rankings,) beside all."""
    signed = values if higher_is_better else -values
    equal = max(TOLERANCE, EQUAL * float(np.ptp(values)))
    low, high = np.quantile(values, [LEVEL, 1 - LEVEL])
    return RankingMeasure(
        float(values[0]), float(values.mean()), float(low), float(high), p_value=float((signed >= signed[0] - equal).mean()),
        p_worse=float((signed <= signed[0] + equal).mean()), best_p=float((signed >= signed.max() - equal).mean()),
        is_best=bool(signed[0] >= signed.max() - equal), higher_is_better=higher_is_better)


def _leave_one_out(scores: np.ndarray, rankings: np.ndarray, falls: np.ndarray) -> RankingMeasure | None:
    """τ-b of the scores with the falls; a random ranking deals the same scores out to other words."""
    falls = np.round(falls, round(-math.log10(TOLERANCE)))  # smaller differences are ties
    if np.ptp(scores) == 0 or np.ptp(falls) == 0:
        return None
    dealt = np.empty(rankings.shape)
    np.put_along_axis(dealt, rankings, np.broadcast_to(np.sort(scores)[::-1], rankings.shape), axis=1)
    return _compare(np.array([kendalltau(row, falls).statistic for row in dealt]), True)


def _distinct(words: int, counts: Sequence[int]) -> int:
    """Number of rankings that differ in what they remove at the counts: words! / product of the factorials of the steps."""
    cuts = [0, *sorted(set(counts)), words]
    return math.factorial(words) // math.prod(math.factorial(after - before) for before, after in itertools.pairwise(cuts))


def _judge(found: RankingMeasures) -> tuple[str, str]:
    """Verdict and reason."""
    if found.smallest_p > LEVEL:
        return VERDICTS[3], REASONS[1]
    if found.movement < MOVEMENT:
        return VERDICTS[3], REASONS[2]
    both = (found.comprehensiveness, found.sufficiency)
    if all(measure.p_value <= LEVEL or (measure.is_best and measure.best_p > LEVEL) for measure in both):
        return (VERDICTS[0], "") if any(measure.p_value <= LEVEL for measure in both) else (VERDICTS[3], REASONS[3])
    return VERDICTS[2 if all(measure.p_worse <= LEVEL for measure in both) else 1], ""
