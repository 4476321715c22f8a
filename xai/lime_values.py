"""LIME (Ribeiro et al. 2016) on our own tokens: lime's kernel and ridge, samples evaluated in batches."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence

import numpy as np

from models.classifier import Classifier
from models.errors import InputError
from models.progress import Progress, no_progress
from xai.attribution import Attribution
from xai.forced_pair import ForcedPair, SequenceScores
from xai.masking import MaskedOutput
from xai.sequence_masking import MaskedTranslation

KERNEL_WIDTH = 25.0  # lime's default for text, on cosine distance × 100
NUM_SAMPLES = 500


def explain_lime(
    model: Classifier, text: str, target: str | None = None, *, seed: int = 0, progress: Progress = no_progress,
    num_samples: int = NUM_SAMPLES,
) -> Attribution:
    """Scores are the weights of a ridge regression on masked neighbours; `r_squared` tells how well it fits.

    LIME is not additive: `base_value` is the intercept of the local model, not the output of the empty text.

    Raises:
        InputError: Fewer than two samples are asked for.
    """
    _check_samples(num_samples)
    started = time.perf_counter()
    output = MaskedOutput(model, text, target, progress)
    output.expected = num_samples + output.evaluations
    kept = sample_masks(len(output.tokenized.offsets), num_samples, seed)
    scores, intercept, r_squared = local_model(kept, output(kept), seed)
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method="lime", target=output.target, output="probability",
        value=output.value, base_value=intercept, convergence_delta=None, evaluations=output.evaluations,
        seconds=time.perf_counter() - started, parameters={"seed": seed, "num_samples": num_samples, "kernel_width": KERNEL_WIDTH},
        diagnostics={"r_squared": r_squared}, truncated_at=output.tokenized.truncated_at,
    )


def sequence_lime(
    pair: ForcedPair, rows: Sequence[int], *, seed: int = 0, progress: Progress = no_progress, num_samples: int = NUM_SAMPLES
) -> SequenceScores:
    """Scores are the weights of one ridge regression a target token on the source tokens and the target tokens before it.

    All regressions share the masked neighbours, and each sees only the tokens that can move its target token; how the translation goes
    on has no effect on it. LIME is not additive; `r_squared` tells how well each line fits, and `base_values` are the intercepts.

    Raises:
        InputError: Fewer than two samples are asked for.
    """
    _check_samples(num_samples)
    output = MaskedTranslation(pair, rows, progress)
    output.expected = num_samples + output.evaluations
    kept = np.hstack([sample_masks(output.sources, num_samples, seed), sample_prefix_masks(output.targets, num_samples, seed)])
    said = output(kept)
    scores, base_values, r_squared = np.zeros((len(output.rows), output.features)), np.zeros(len(output.rows)), np.zeros(len(output.rows))
    for row, players in enumerate(output.players):
        scores[row, players], base_values[row], r_squared[row] = local_model(kept[:, players], said[:, row], seed)
    source_scores, prefix_scores = output.split(scores)
    return SequenceScores(
        source_scores, prefix_scores, output.values, base_values, output.evaluations, r_squared=r_squared, baseline=output.baseline,
        parameters={"num_samples": num_samples, "kernel_width": KERNEL_WIDTH},
    )


def local_model(kept: np.ndarray, values: np.ndarray, seed: int) -> tuple[np.ndarray, float, float]:
    """Weights (features,), intercept and R² of lime's ridge regression of values (samples,) on masks (samples, features).

    The first mask keeps everything; the others weigh by their cosine distance from it.
    """
    from lime.lime_base import LimeBase
    from sklearn.metrics import pairwise_distances

    distances = pairwise_distances(kept, kept[:1], metric="cosine").ravel() * 100
    base = LimeBase(functools.partial(exponential_kernel, width=KERNEL_WIDTH), random_state=np.random.RandomState(seed))
    intercept, found, r_squared, _ = base.explain_instance_with_data(
        kept.astype(float), values[:, None], distances, 0, kept.shape[1], feature_selection="none"
    )
    weights = np.zeros(kept.shape[1])
    for feature, weight in found:
        weights[int(feature)] = weight
    return weights, float(intercept), float(r_squared)


def sample_masks(count: int, num_samples: int, seed: int) -> np.ndarray:
    """Masks (num_samples, count), the first with every token kept; drawn in the order lime draws them."""
    random = np.random.RandomState(seed)
    sizes = random.randint(1, count + 1, num_samples - 1)
    kept = np.ones((num_samples, count))
    for row, size in enumerate(sizes, 1):
        kept[row, random.permutation(count)[:size]] = 0  # what choice without replacement does, without its checks
    return kept


def sample_prefix_masks(count: int, num_samples: int, seed: int) -> np.ndarray:
    """Masks (num_samples, count), the first with every token kept, whose first columns are the same for every count.

    In each sample every token is taken away by the same chance, which is drawn evenly between 0 and 1 as lime draws how many are.
    """
    chances = np.random.RandomState([seed, 0]).random_sample((num_samples, 1))
    draws = [np.random.RandomState([seed, 1, column]).random_sample(num_samples) for column in range(count)]
    kept = (chances <= np.array(draws).reshape(count, num_samples).T).astype(float)
    kept[0] = 1
    return kept


def exponential_kernel(distances: np.ndarray, width: float) -> np.ndarray:
    """Weight of each sample (0-1) by its distance, as in lime."""
    return np.asarray(np.sqrt(np.exp(-(distances**2) / width**2)))


def _check_samples(num_samples: int) -> None:
    if num_samples < 2:
        raise InputError(f"num_samples is {num_samples}, expected at least 2 (the default is {NUM_SAMPLES}).")
