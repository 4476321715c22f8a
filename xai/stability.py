"""Whether an explanation stays the same where it should, over seeds and methods, and changes where it should, with the model's weights."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from scipy.stats import hypergeom, rankdata, spearmanr

from models.classifier import Classifier
from models.errors import InputError
from models.progress import Progress, no_progress
from models.translator import Translator
from xai.attribution import Attribution
from xai.faithfulness import scores_by_word
from xai.sequence_attribution import SequenceAttribution

VERDICTS = ("depends on the model", "hardly depends on the model", "cannot tell")
TOP = 3
SEEDS = (0, 1, 2, 3, 4)
LEVEL = 0.025  # one-sided, as of faithfulness
SHUFFLES = 999  # of the words, for the p-value of the randomisation check

Explained = Attribution | SequenceAttribution
Handle = TypeVar("Handle", Classifier, Translator)


@dataclass(frozen=True)
class SeedStability:
    """How much the explanations of one text by one method differ with the seed.

    Attributes:
        method: Name of the method.
        seeds: What it was run with.
        top: Number of words compared as the first ones, or all where the text has fewer.
        spearman: Mean over all pairs of seeds of Spearman's ρ of the word scores (-1 to 1); None where a run gives all words the same score.
        overlap: Mean over all pairs of the share of the first words that both have (0-1).
        largest_change: Largest difference of one word between two seeds, divided by the largest absolute score (0 for a deterministic method).
    """

    method: str
    seeds: tuple[int, ...]
    top: int
    spearman: float | None
    overlap: float
    largest_change: float

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return {**vars(self), "seeds": list(self.seeds)}


@dataclass(frozen=True)
class MethodAgreement:
    """How far two methods agree on one text.

    Attributes:
        first, second: Names of the methods.
        top: Number of words compared as the first ones, or all where the text has fewer.
        spearman: Spearman's ρ of the word scores (-1 to 1); None where a method gives all words the same score.
        overlap: Share of the first words that both have (0-1).
        expected_overlap: What chance gives: top / number of words (0-1).
        p_value: Chance of an overlap as large as this for random first words, hypergeometric (0-1).
    """

    first: str
    second: str
    top: int
    spearman: float | None
    overlap: float
    expected_overlap: float
    p_value: float

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Randomisation:
    """What is left of an explanation when the weights of the model are shuffled.

    Attributes:
        method: Name of the method.
        seeds: One shuffled model each.
        spearman: Spearman's ρ of the word scores of the real and of each shuffled model (seeds,); 0 where one of them gives all words the same score.
        mean_spearman: Their mean; near 0 is expected.
        p_value: Chance of a mean as high as this for a random order of the words (0-1).
        verdict: One of VERDICTS.
    """

    method: str
    seeds: tuple[int, ...]
    spearman: tuple[float, ...]
    mean_spearman: float
    p_value: float
    verdict: str

    def __post_init__(self) -> None:
        """Raises InputError for a verdict that cannot be."""
        if self.verdict not in VERDICTS:
            raise InputError(f"A randomisation check has the verdict {self.verdict!r}, expected one of {VERDICTS}.")

    def to_json_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return {**vars(self), "seeds": list(self.seeds), "spearman": list(self.spearman)}


def measure_seed_stability(
    explain: Callable[[int], Explained], *, seeds: Sequence[int] = SEEDS, top: int = TOP, progress: Progress = no_progress
) -> SeedStability:
    """How much a method's explanations of one text differ with the seed (Visani et al. 2022 for LIME).

    Args:
        explain: The explanation for a seed, e.g. `lambda seed: METHODS["lime"](model, text, seed=seed)`.
        seeds: Two or more.
        top: Number of words compared as the first ones.
        progress: Called with (explanations done, all); may raise Cancelled.

    Raises:
        InputError: There are fewer than two seeds.
    """
    if len(seeds) < 2:
        raise InputError(f"There are {len(seeds)} seeds, expected two or more to compare.")
    runs = []
    for number, seed in enumerate(seeds):
        runs.append(explain(seed))
        progress(number + 1, len(seeds))
    scores = [scores for _, scores in _same_words(runs)]
    pairs = list(itertools.combinations(scores, 2))
    largest = float(np.abs(scores).max())
    similar = [correlate(*pair) for pair in pairs]
    known = [value for value in similar if value is not None]
    return SeedStability(
        runs[0].method, tuple(seeds), min(top, len(scores[0])), float(np.mean(known)) if len(known) == len(pairs) else None,
        float(np.mean([top_overlap(*pair, top) for pair in pairs])), float(np.ptp(scores, axis=0).max()) / largest if largest else 0.0)


def compare_attributions(attributions: Sequence[Explained], *, top: int = TOP) -> tuple[MethodAgreement, ...]:
    """The agreement of each pair of explanations of the same text and target (Krishna et al. 2024), in the order given.

    First words are those that speak most for the target, so the sign counts. Spearman's ρ is also computed on signed scores.

    Raises:
        InputError: The explanations are of different words or targets.
    """
    found = []
    for (a, first), (b, second) in itertools.combinations(_same_words(attributions), 2):
        words, count = len(first), min(top, len(first))
        overlap = top_overlap(first, second, top)
        p_value = float(hypergeom.sf(round(overlap * count) - 1, words, count, count))
        found.append(MethodAgreement(a, b, count, correlate(first, second), overlap, count / words, p_value))
    return tuple(found)


def check_randomisation(
    model: Handle, explain: Callable[[Handle], Explained], *, seeds: Sequence[int] = SEEDS, progress: Progress = no_progress
) -> Randomisation:
    """Whether an explanation changes when the weights do (Adebayo et al. 2018, all layers at once).

    An explanation that stays alike is about the text or the architecture, not about what the model has learned. The p-value counts random orders of the
    real explanation's words whose mean Spearman's ρ with all shuffled models is as high. `hardly depends on the model` stands for p <= 2.5 %; `cannot tell`
    where so few words cannot reach it.

    Args:
        model: Stays as it is; copies are shuffled.
        explain: The explanation of a model, e.g. `lambda model: METHODS["shap"](model, text, target)`; give the target, so that all explain the same.
        seeds: One shuffled model each.
        progress: Called with (explanations done, all); may raise Cancelled.

    Raises:
        InputError: There is no seed, or the explanations are of different words or targets.
    """
    if not seeds:
        raise InputError("There are no seeds, expected one for each shuffled model.")
    runs = [explain(model)]
    for number, seed in enumerate(seeds):
        progress(number + 1, len(seeds) + 1)
        runs.append(explain(shuffled_copy(model, seed)))
    progress(len(runs), len(runs))
    real, *shuffled = [_standard_ranks(scores) for _, scores in _same_words(runs)]
    directions = np.stack(shuffled)
    similar = directions @ real
    words, orders = len(real), word_orders(len(real), seeds[0])
    at_least = (directions @ real[orders].T).mean(0) >= similar.mean() - 1e-9
    p_value = float(at_least.mean())
    verdict = VERDICTS[2] if 1 / len(orders) > LEVEL or words < 2 else VERDICTS[1 if p_value <= LEVEL else 0]
    return Randomisation(runs[0].method, tuple(seeds), tuple(similar.tolist()), float(similar.mean()), p_value, verdict)


def shuffled_copy(model: Handle, seed: int) -> Handle:
    """A copy of the handle whose model has the values of each weight tensor in random order; tokenizer and lock are shared.

    Sizes and distributions of the weights stay, so activations keep a usual size. Weights that two layers share are shuffled once.
    """
    shuffled = copy.copy(model)
    with model.lock:
        shuffled.model = copy.deepcopy(model.model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in shuffled.model.parameters():
            order = torch.randperm(value.numel(), generator=generator).to(value.device)
            value.copy_(value.flatten()[order].view_as(value))
    shuffled.fingerprint = f"{model.fingerprint}-shuffled-{seed}"
    return shuffled


def correlate(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's ρ of two explanations' scores (words,), or None where one gives all words the same score."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)


def top_overlap(first: np.ndarray, second: np.ndarray, top: int) -> float:
    """Share of the `top` words with the highest scores that two explanations have in common (0-1); of equal ones the earlier word."""
    count = min(top, len(first))
    return len(set(np.argsort(-first, kind="stable")[:count].tolist()) & set(np.argsort(-second, kind="stable")[:count].tolist())) / count


def _same_words(attributions: Sequence[Explained]) -> list[tuple[str, np.ndarray]]:
    """Method and word scores of each, all of the same words and target."""
    read = [(one, *scores_by_word(one)) for one in attributions]
    kinds = {(words, one.hypothesis if isinstance(one, SequenceAttribution) else one.target) for one, words, _ in read}
    if len(kinds) > 1:
        (words, target), (other, second) = sorted(kinds)[:2]
        raise InputError(f"One explanation is of {len(words)} words for {target!r}, another of {len(other)} words for {second!r}; "
                         "compare explanations of the same text and target.")
    return [(one.method, scores) for one, _, scores in read]


def _standard_ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks of mean 0 and length 1 (words,), so that a product of two is Spearman's ρ; zeros where all are the same."""
    ranks = rankdata(scores)
    centred = ranks - ranks.mean()
    length = float(np.linalg.norm(centred))
    return np.asarray(centred / length if length else centred)


def word_orders(words: int, seed: int) -> np.ndarray:
    """Orders of the words, the given one first (orders, words): all where they are fewer than random ones."""
    if words <= 6:
        return np.array(list(itertools.permutations(range(words))))
    drawn = np.random.default_rng(seed).permuted(np.tile(np.arange(words), (SHUFFLES, 1)), axis=1)
    return np.vstack([np.arange(words), drawn])
