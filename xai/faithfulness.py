"""How far an explanation can be trusted, measured on the model itself: removing words in its order against random orders."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.classifier import Classifier
from models.errors import InputError
from models.progress import Progress, no_progress
from models.translator import Translator
from xai.attribution import Attribution
from xai.forced_pair import ForcedPair
from xai.masking import MaskedOutput, describe_mask
from xai.rankings import BASELINES, RankingMeasures, WordOutput, measure_ranking
from xai.sequence_attribution import LOG_PROBABILITY, SequenceAttribution
from xai.sequence_masking import MaskedTranslation


@dataclass(frozen=True)
class Faithfulness:
    """Whether removing what an explanation marks changes the output more than removing random words.

    Attributes:
        method: Of the explanation.
        target: The explained label, or the translation.
        output: "probability" (0-1) of the label, or "log_probability" (nats) of the whole translation given as it is; words of the source are removed.
        removal: What stands for a removed word.
        measures: All numbers and the verdict.
        seed: Of the random rankings.
        evaluations: Model evaluations spent.
        seconds: Wall time.
    """

    method: str
    target: str
    output: str
    removal: str
    measures: RankingMeasures
    seed: int
    evaluations: int
    seconds: float

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return {**vars(self), "measures": self.measures.to_json_dict()}


def scores_by_word(attribution: Attribution | SequenceAttribution) -> tuple[tuple[str, ...], np.ndarray]:
    """Words and their scores (words,); of a translation the words of the source, each with the sum of what it gives to all target tokens."""
    if isinstance(attribution, SequenceAttribution):
        merged = attribution.words()
        return merged.source_tokens, merged.source_scores.sum(0)
    words = attribution.words()
    return words.tokens, words.scores


def measure_faithfulness(
    model: Classifier | Translator, attribution: Attribution | SequenceAttribution, *, baselines: int = BASELINES, seed: int = 0,
    progress: Progress = no_progress,
) -> Faithfulness:
    """How much better than chance an explanation ranks the words of its text, by what the model does when words are missing.

    A removed word has the mask token (where there is none the unknown or padding token) at each of its positions, as in the perturbation methods.
    Such texts are unlike those a model was trained on, so part of a change may come from their strangeness (Hooker et al. 2019); the random rankings
    remove as many words in the same way, so the comparison with them is fair. Nothing of the explanation but its ranking and scores is used.

    Args:
        model: The model to measure on.
        attribution: The explanation of a text, by tokens or words.
        baselines: Random rankings, an even number from 40 on; where a text has no more rankings than that, all are taken.
        seed: Of the random rankings, and of the order of words with equal scores.
        progress: Called with (evaluations done, evaluations needed); may raise Cancelled.

    Raises:
        InputError: The number of baselines is below 40 or odd, the model reads other words in the text, or is of another task.
    """
    return measure_together(model, [attribution], baselines=baselines, seed=seed, progress=progress)[0]


def measure_together(
    model: Classifier | Translator, attributions: Sequence[Attribution | SequenceAttribution], *, baselines: int = BASELINES, seed: int = 0,
    progress: Progress = no_progress,
) -> list[Faithfulness]:
    """`measure_faithfulness` of several explanations of one text and target; all are compared with the same random rankings, which are evaluated once.

    Raises:
        InputError: As `measure_faithfulness`, or the explanations are of different texts or targets.
    """
    if not attributions:
        return []
    different = {_explained(one) for one in attributions}
    if len(different) > 1:
        raise InputError(f"The explanations are of {len(different)} different texts or targets, expected one; measure those of each text and target apart.")
    output, evaluate, words, target, unit = _removing(model, attributions[0], progress)
    found: list[Faithfulness] = []
    for attribution in attributions:
        started, before, scores = time.perf_counter(), output.evaluations if found else 0, scores_by_word(attribution)[1]
        if len(scores) != words:
            raise InputError(f"The explanation has {len(scores)} words, {model.name} reads {words} in the same text; "
                             "measure it on a model that cuts texts the same way.")
        measures = measure_ranking(evaluate, scores, baselines=baselines, seed=seed)
        found.append(Faithfulness(attribution.method, target, unit, describe_mask(model.tokenizer), measures, seed, output.evaluations - before,
                                  time.perf_counter() - started))
    return found


def _explained(attribution: Attribution | SequenceAttribution) -> tuple[str, ...]:
    """What an explanation is of."""
    if isinstance(attribution, SequenceAttribution):
        return attribution.source.text, attribution.hypothesis, attribution.source_language, attribution.target_language
    return attribution.text, attribution.target


def _removing(
    model: Classifier | Translator, attribution: Attribution | SequenceAttribution, progress: Progress
) -> tuple[MaskedOutput | MaskedTranslation, WordOutput, int, str, str]:
    """What counts evaluations, the output by words, their number, what is explained, and the unit."""
    if isinstance(model, Translator) and isinstance(attribution, SequenceAttribution):
        pair = attribution.words()
        forced = ForcedPair(model, pair.source, pair.target, pair.source_language, pair.target_language)
        whole = MaskedTranslation(forced, range(len(pair.target.offsets)), progress)
        return whole, lambda kept: whole(np.hstack([kept, np.ones((len(kept), whole.targets), bool)])).sum(1), whole.sources, pair.hypothesis, LOG_PROBABILITY
    if not isinstance(model, Classifier) or not isinstance(attribution, Attribution):
        raise InputError(f"{model.name} and an explanation by {attribution.method} are of different tasks; measure an explanation on a model of its own task.")
    output = MaskedOutput(model, attribution.text, attribution.target, progress)
    owners = np.array(output.tokenized.word_ids)
    return output, lambda kept: output(kept[:, owners]), int(owners.max()) + 1, output.target, "probability"
