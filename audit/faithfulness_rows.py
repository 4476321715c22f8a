"""Explanations of single rows by several methods and by lot, and how faithful each is to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.classifier import Classifier
from models.errors import InputError
from models.progress import Progress, no_progress
from models.tokens import tokenize
from models.translator import Translator
from xai.attribution import Attribution
from xai.faithfulness import Faithfulness, measure_together
from xai.forced_pair import force
from xai.methods import METHODS, TRANSLATION_METHODS
from xai.rankings import RankingMeasure
from xai.sequence_attribution import SequenceAttribution

RANDOM = "random"  # stands where the name of a method does

Explanation = Attribution | SequenceAttribution


@dataclass(frozen=True)
class RowFaithfulness:
    """One explanation of one row.

    Attributes:
        row: Number of the row in the table, from 0.
        group: Number of its culture.
        method: Of the explanation, or RANDOM.
        words: Of the text, as far as the model sees it.
        output: Unit of the differences.
        verdict: One of `xai.rankings.VERDICTS`.
        percentile: Where the explanation stands among the random rankings of the same words, mean of comprehensiveness and sufficiency (0-100);
            the mean of all rankings is 50.
        comprehensiveness, sufficiency: Minus the mean of the random rankings; the explanation is good where the first is above 0 and the second below.
        kendall_tau: τ-b with the fall of the output without each single word (-1 to 1), or None where either is constant.
    """

    row: int
    group: int
    method: str
    words: int
    output: str
    verdict: str
    percentile: float
    comprehensiveness: float
    sufficiency: float
    kendall_tau: float | None


def explain_row(
    model: Classifier | Translator, text: str, methods: Sequence[str], *, target: str | None = None, languages: tuple[str, str] | None = None, seed: int = 0,
    progress: Progress = no_progress,
) -> list[Explanation]:
    """The explanations by each method, and a last one, RANDOM, that gives each word a number by lot; none where the model can read nothing.

    Args:
        model: Explained.
        text: Of a row.
        methods: Names in `xai.METHODS`, or in `xai.TRANSLATION_METHODS`.
        target: Label, or translation; None for the model's own.
        languages: Of source and target, for a translator.
        seed: Of the random one.
        progress: Called by the methods; may raise Cancelled.

    Raises:
        InputError: A translator was given no languages or such that it does not translate.
    """
    found: list[Explanation]
    if isinstance(model, Translator):
        source, other = languages or ("", "")
        model.scheme.check(source, other, model.name)
        try:
            said = force(model, text, target, source_language=source, target_language=other).target.text
        except InputError:
            return []
        found = [TRANSLATION_METHODS[name](model, text, said, source_language=source, target_language=other, progress=progress) for name in methods]
    else:
        try:
            tokenize(model, text)
        except InputError:
            return []
        found = [METHODS[name](model, text, target, progress=progress) for name in methods]
    return [*found, random_explanation(found[0], seed)]


def random_explanation(explanation: Explanation, seed: int) -> Explanation:
    """An explanation of the same text and target, with a number drawn by lot for each word."""
    generator = np.random.default_rng([seed, 1])  # apart from the random rankings, which have the seed alone
    if isinstance(explanation, SequenceAttribution):
        pair = explanation.words()
        return replace(pair, method=RANDOM, source_scores=generator.normal(size=pair.source_scores.shape))
    words = explanation.words()
    return replace(words, method=RANDOM, scores=generator.normal(size=len(words.tokens)))


def measure_row(
    model: Classifier | Translator, explanations: Sequence[Explanation], *, row: int, group: int, baselines: int, seed: int, progress: Progress = no_progress
) -> list[RowFaithfulness]:
    """How faithful the explanations of one row are, all beside the same random rankings; raises as `measure_together`."""
    return [_of_row(found, row, group) for found in measure_together(model, explanations, baselines=baselines, seed=seed, progress=progress)]


def is_cut(explanation: Explanation) -> bool:
    """Whether the model does not see the end of the text."""
    return (explanation.source if isinstance(explanation, SequenceAttribution) else explanation).truncated_at is not None


def percentile(measure: RankingMeasure) -> float:
    """Share of the rankings that are worse, and half of those that are equally good (0-100); of exchangeable rankings the mean is 50."""
    return 50 + 50 * (measure.p_worse - measure.p_value)


def _of_row(found: Faithfulness, row: int, group: int) -> RowFaithfulness:
    measures = found.measures
    needed, enough, tau = measures.comprehensiveness, measures.sufficiency, measures.kendall_tau
    return RowFaithfulness(
        row, group, found.method, measures.words, found.output, measures.verdict, (percentile(needed) + percentile(enough)) / 2,
        needed.value - needed.random_mean, enough.value - enough.random_mean, None if tau is None else tau.value)
