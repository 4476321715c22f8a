"""SHAP's partition explainer (Lundberg & Lee 2017; Owen values over a tree of words and tokens) on our own tokens."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

import numpy as np

from models.classifier import Classifier
from models.errors import InputError
from models.progress import Progress, no_progress
from xai.attribution import Attribution
from xai.masking import MaskedOutput

MAX_EVALS = 500
_COMPILING = threading.Lock()  # shap compiles at first use; two threads at once would both compile all of it


class TokenMasker:
    """What shap asks of a masker, with features that are our tokens: a mask in, the kept tokens out."""

    def __init__(self, tree: np.ndarray, count: int) -> None:
        """Keeps the partition tree (count - 1, 4), the linkage format of SciPy."""
        self.clustering = tree
        self.shape = (1, count)

    def __call__(self, mask: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
        """The mask itself: the output function makes rows of token ids of it."""
        return (np.asarray(mask, dtype=bool).reshape(1, -1),)


def explain_shap(
    model: Classifier, text: str, target: str | None = None, *, seed: int = 0, progress: Progress = no_progress,
    max_evals: int = MAX_EVALS,
) -> Attribution:
    """Owen values over the partition tree; sum(scores) = value - base_value for any budget.

    With a small budget the lower parts of the tree are not opened and their tokens share a score equally.

    Args:
        max_evals: Most evaluations; the whole tree of n tokens takes about n² of them in shap's order.

    Raises:
        InputError: The budget is under three evaluations.
    """
    if max_evals < 3:
        raise InputError(f"max_evals is {max_evals}, expected at least 3 (the default is {MAX_EVALS}).")
    started = time.perf_counter()
    output = MaskedOutput(model, text, target, progress)
    output.expected = max_evals
    count = len(output.tokenized.offsets)
    scores = _partition_values(output, count, max_evals) if count > 1 else np.array([output.value - output.base_value])
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method="shap", target=output.target, output="probability",
        value=output.value, base_value=output.base_value,
        convergence_delta=float(scores.sum() - (output.value - output.base_value)), evaluations=output.evaluations,
        seconds=time.perf_counter() - started, parameters={"seed": seed, "max_evals": max_evals},
        truncated_at=output.tokenized.truncated_at,
    )


def partition_tree(word_ids: tuple[int, ...]) -> np.ndarray:
    """Linkage (tokens - 1, 4) that joins the tokens of a word first, then neighbouring words, halves of halves."""
    links: list[tuple[float, float, float, float]] = []
    sizes = dict.fromkeys(range(len(word_ids)), 1)

    def join(nodes: list[int], height: float) -> int:
        if len(nodes) == 1:
            return nodes[0]
        middle = (len(nodes) + 1) // 2
        left, right = join(nodes[:middle], height), join(nodes[middle:], height)
        node = len(word_ids) + len(links)
        sizes[node] = sizes[left] + sizes[right]
        links.append((float(left), float(right), height + len(links) * 1e-6, float(sizes[node])))
        return node

    words: dict[int, list[int]] = {}
    for token, word in enumerate(word_ids):
        words.setdefault(word, []).append(token)
    join([join(tokens, 0.5) for tokens in words.values()], 1.0)
    return np.array(links).reshape(-1, 4)


def warm_up(model: Classifier) -> Attribution:
    """The explanation of two words, asked for so that no reader waits for shap's first-use compilation."""
    import shap  # noqa: F401

    gc.freeze()  # what shap and its compiler brought stays; looking through it would slow every later collection
    return explain_shap(model, "good film", max_evals=8)


def _partition_values(output: MaskedOutput, count: int, max_evals: int) -> np.ndarray:
    from shap import PartitionExplainer

    masker: Any = TokenMasker(partition_tree(output.tokenized.word_ids), count)
    with _COMPILING:
        explainer = PartitionExplainer(output, masker)
    explanation = explainer(np.arange(count)[None, :], max_evals=max_evals, silent=True)
    return np.asarray(explanation.values[0], dtype=np.float64).reshape(count)
