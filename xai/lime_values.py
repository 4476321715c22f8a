"""LIME (Ribeiro et al. 2016) on our own tokens: lime's kernel and ridge, samples evaluated in batches."""

from __future__ import annotations

import functools
import time

import numpy as np

from models.classifier import Classifier
from models.errors import InputError
from models.progress import Progress, no_progress
from xai.attribution import Attribution
from xai.masking import MaskedOutput

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
    if num_samples < 2:
        raise InputError(f"num_samples is {num_samples}, expected at least 2 (the default is {NUM_SAMPLES}).")
    from lime.lime_base import LimeBase
    from sklearn.metrics import pairwise_distances

    started = time.perf_counter()
    output = MaskedOutput(model, text, target, progress)
    count = len(output.tokenized.offsets)
    output.expected = num_samples + output.evaluations
    kept = sample_masks(count, num_samples, seed)
    probabilities = output(kept)
    distances = pairwise_distances(kept, kept[:1], metric="cosine").ravel() * 100
    base = LimeBase(functools.partial(exponential_kernel, width=KERNEL_WIDTH), random_state=np.random.RandomState(seed))
    intercept, weights, r_squared, _ = base.explain_instance_with_data(
        kept.astype(float), probabilities[:, None], distances, 0, count, feature_selection="none"
    )
    scores = np.zeros(count)
    for token, weight in weights:
        scores[int(token)] = weight
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method="lime", target=output.target, output="probability",
        value=output.value, base_value=float(intercept), convergence_delta=None, evaluations=output.evaluations,
        seconds=time.perf_counter() - started, parameters={"seed": seed, "num_samples": num_samples, "kernel_width": KERNEL_WIDTH},
        diagnostics={"r_squared": float(r_squared)}, truncated_at=output.tokenized.truncated_at,
    )


def sample_masks(count: int, num_samples: int, seed: int) -> np.ndarray:
    """Masks (num_samples, count), the first with every token kept; drawn in the order lime draws them."""
    random = np.random.RandomState(seed)
    sizes = random.randint(1, count + 1, num_samples - 1)
    kept = np.ones((num_samples, count))
    for row, size in enumerate(sizes, 1):
        kept[row, random.choice(range(count), size, replace=False)] = 0
    return kept


def exponential_kernel(distances: np.ndarray, width: float) -> np.ndarray:
    """Weight of each sample (0-1) by its distance, as in lime."""
    return np.asarray(np.sqrt(np.exp(-(distances**2) / width**2)))
