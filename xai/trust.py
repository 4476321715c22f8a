"""How far the explanations of one text can be trusted: faithful, stable over seeds, in agreement; and whether they depend on the model at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from models.classifier import Classifier
from models.progress import Progress, no_progress
from models.translator import Translator
from xai.attribution import Attribution
from xai.faithfulness import Faithfulness, measure_together
from xai.methods import METHODS, TRANSLATION_METHODS
from xai.rankings import BASELINES
from xai.sequence_attribution import SequenceAttribution
from xai.stability import Handle, MethodAgreement, Randomisation, SeedStability, check_randomisation, compare_attributions, measure_seed_stability

SAMPLED = ("lime", "shapley")  # methods that draw; the others give the same for every seed
UNSIGNED = ("attention_rollout", "cross_attention")  # where the model looked; nothing that speaks for or against
SIZES = ("max_evals", "num_samples", "budget")  # settings that say how much a method may spend
SEEDS = (0, 1, 2)

Explained = Attribution | SequenceAttribution


@dataclass(frozen=True)
class Trust:
    """How far one explanation can be trusted.

    Attributes:
        faithfulness: Its words removed in its order, beside random orders.
        stability: Over SEEDS, None for a method that draws nothing and so gives the same for every seed.
        agreement: Mean Spearman's ρ of its word scores with those of each other signed method (-1 to 1), None where there is none or it has no sign.
        overlap: Mean share of the first words it has in common with each of them (0-1), None likewise.
    """

    faithfulness: Faithfulness
    stability: SeedStability | None
    agreement: float | None
    overlap: float | None

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.faithfulness.method

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return {"method": self.method, "faithfulness": self.faithfulness.to_json_dict(), "agreement": self.agreement, "overlap": self.overlap,
                "stability": None if self.stability is None else self.stability.to_json_dict()}


def measure_trust(
    model: Classifier | Translator, attributions: Sequence[Explained], *, baselines: int = BASELINES, seed: int = 0, progress: Progress = no_progress
) -> list[Trust]:
    """All measures of several explanations of one text and target, in their order.

    Args:
        model: Explained.
        attributions: One a method; those of SAMPLED methods are computed again with other seeds, on as many evaluations.
        baselines: Random orders of the words, see `measure_faithfulness`.
        seed: Of the random orders.
        progress: Called with (parts done, all parts); may raise Cancelled.

    Raises:
        InputError: The explanations are of different texts or targets, or the model is not theirs.
    """
    again = [one for one in attributions if one.method in SAMPLED]
    parts = _Parts(len(attributions) + len(again) * (len(SEEDS) - 1), progress)
    faithful = measure_together(model, attributions, baselines=baselines, seed=seed, progress=parts.watch)
    parts.done = len(attributions)
    stable = {one.method: measure_seed_stability(_with_seeds(model, one, parts), seeds=SEEDS) for one in again}
    signed = [one for one in attributions if one.method not in UNSIGNED]
    pairs = compare_attributions(signed)
    return [Trust(found, stable.get(found.method), *_with_others(found.method, pairs)) for found in faithful]


def check_dependence(model: Handle, attributions: Sequence[Explained], *, progress: Progress = no_progress) -> list[Randomisation]:
    """`check_randomisation` of the method of each explanation, on its text and target."""
    parts = _Parts(len(attributions) * (len(SEEDS) + 1), progress)
    return [check_randomisation(model, partial(_explain_again, one=one, seed=one.parameters["seed"], parts=parts), seeds=SEEDS) for one in attributions]


class _Parts:
    """How much of several explanations is done, in hundredths of one; each can be cancelled while it is computed."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def watch(self, done: int, total: int) -> None:
        """Told how far the current part is."""
        self.progress(100 * self.done + min(100, 100 * done // max(total, 1)), 100 * self.total)


def _with_seeds(model: Any, one: Explained, parts: _Parts) -> Callable[[int], Explained]:
    return lambda seed: one if seed == one.parameters["seed"] else _explain_again(model, one, seed, parts)


def _explain_again(model: Any, one: Explained, seed: int, parts: _Parts) -> Explained:
    """The same explanation with another seed or model."""
    settings = {"seed": seed, "progress": parts.watch, **{name: one.parameters[name] for name in SIZES if name in one.parameters}}
    if isinstance(one, SequenceAttribution):
        found: Explained = TRANSLATION_METHODS[one.method](model, one.source.text, one.hypothesis, source_language=one.source_language,
                                                           target_language=one.target_language, **settings)
    else:
        found = METHODS[one.method](model, one.text, one.target, **settings)
    parts.done += 1
    return found


def _with_others(method: str, pairs: Sequence[MethodAgreement]) -> tuple[float | None, float | None]:
    """Mean rank correlation and overlap of a method with the others."""
    own = [pair for pair in pairs if method in (pair.first, pair.second)]
    similar = [pair.spearman for pair in own if pair.spearman is not None]
    return float(np.mean(similar)) if similar else None, float(np.mean([pair.overlap for pair in own])) if own else None
