"""SHAP's partition explainer (Lundberg & Lee 2017; Owen values over a tree of words and tokens) on our own tokens."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.classifier import Classifier
from models.errors import InputError
from models.progress import Progress, no_progress
from xai.attribution import Attribution
from xai.forced_pair import ForcedPair, SequenceScores
from xai.masking import MaskedOutput
from xai.sequence_masking import MaskedTranslation

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
    _check_budget(max_evals)
    started = time.perf_counter()
    output = MaskedOutput(model, text, target, progress)
    output.expected = max_evals
    count = len(output.tokenized.offsets)
    scores = (_explanation(output, partition_tree(output.tokenized.word_ids), max_evals).values[0].reshape(count)
              if count > 1 else np.array([output.value - output.base_value]))
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method="shap", target=output.target, output="probability",
        value=output.value, base_value=output.base_value,
        convergence_delta=float(scores.sum() - (output.value - output.base_value)), evaluations=output.evaluations,
        seconds=time.perf_counter() - started, parameters={"seed": seed, "max_evals": max_evals},
        truncated_at=output.tokenized.truncated_at,
    )


def sequence_shap(
    pair: ForcedPair, rows: Sequence[int], *, seed: int = 0, progress: Progress = no_progress, max_evals: int = MAX_EVALS
) -> SequenceScores:
    """Owen values over one tree of source and target for all target tokens at once; their sum is value - base value for any budget.

    At the top of the tree the source is one half and the translation the other, so that prefix and source are dealt with alike. A
    token takes no part in what is said before it: where a part of the tree is not opened, its score is shared by those that do, and
    the tree of a beginning is the same however the translation goes on.

    Args:
        pair: The texts.
        rows: The explained target tokens.
        seed: Without effect.
        progress: Called with (evaluations done, expected).
        max_evals: Most masks; a target token of several ids takes an evaluation of its own in each mask that hides it.

    Raises:
        InputError: The budget is under three evaluations.
    """
    _check_budget(max_evals)
    output = MaskedTranslation(pair, rows, progress)
    output.expected = max_evals
    tree = partition_tree(pair.source.word_ids, causal=pair.target.word_ids)
    credits = _explanation(output, tree, max_evals).hierarchical_values[0]
    scores = np.array([_shared(credits[:, row], tree, players) for row, players in enumerate(output.players)])
    source_scores, prefix_scores = output.split(scores)
    return SequenceScores(
        source_scores, prefix_scores, output.values, output.base_values, output.evaluations,
        convergence_delta=scores.sum(1) - (output.values - output.base_values), baseline=output.baseline, parameters={"max_evals": max_evals},
    )


def partition_tree(word_ids: tuple[int, ...], causal: tuple[int, ...] = ()) -> np.ndarray:
    """Linkage (tokens - 1, 4) that joins the tokens of a word first, then neighbouring words, halves of halves.

    Args:
        word_ids: Number of the word of each token.
        causal: The same of a second text that is written from left to right, joined to the first one at last. Its tokens are parted
            behind the largest power of two, so that what is joined at its beginning does not depend on how it goes on.
    """
    count = len(word_ids) + len(causal)
    links: list[tuple[float, float, float, float]] = []
    sizes = dict.fromkeys(range(count), 1)

    def join(nodes: list[int], height: float, halves: bool = True) -> int:
        if len(nodes) == 1:
            return nodes[0]
        middle = (len(nodes) + 1) // 2 if halves else 2 ** ((len(nodes) - 1).bit_length() - 1)
        left, right = join(nodes[:middle], height, halves), join(nodes[middle:], height, halves)
        node = count + len(links)
        sizes[node] = sizes[left] + sizes[right]
        links.append((float(left), float(right), height + len(links) * 1e-6, float(sizes[node])))
        return node

    def join_words(numbers: tuple[int, ...], first: int, halves: bool) -> int:
        words: dict[int, list[int]] = {}
        for token, word in enumerate(numbers, first):
            words.setdefault(word, []).append(token)
        return join([join(tokens, 0.5, halves) for tokens in words.values()], 1.0, halves)

    texts = [join_words(word_ids, 0, True)]
    if causal:
        join([*texts, join_words(causal, len(word_ids), False)], 2.0)
    return np.array(links).reshape(-1, 4)


def warm_up(model: Classifier) -> Attribution:
    """The explanation of two words, asked for so that no reader waits for shap's first-use compilation."""
    import shap  # noqa: F401

    gc.freeze()  # what shap and its compiler brought stays; looking through it would slow every later collection
    return explain_shap(model, "good film", max_evals=8)


def _check_budget(max_evals: int) -> None:
    if max_evals < 3:
        raise InputError(f"max_evals is {max_evals}, expected at least 3 (the default is {MAX_EVALS}).")


def _explanation(output: Callable[[np.ndarray], np.ndarray], tree: np.ndarray, max_evals: int) -> Any:
    """What shap makes of an output of masks over the leaves of a tree."""
    from shap import PartitionExplainer

    count = len(tree) + 1
    masker: Any = TokenMasker(tree, count)
    with _COMPILING:
        explainer = PartitionExplainer(output, masker)
    return explainer(np.arange(count)[None, :], max_evals=max_evals, silent=True)


def _shared(credits: np.ndarray, tree: np.ndarray, players: np.ndarray) -> np.ndarray:
    """What each leaf gets (leaves,) of the credits that shap left on leaves and inner nodes, each shared evenly by the players under it."""
    count = len(players)
    under = np.eye(2 * count - 1, count, dtype=bool)
    for node, (left, right) in enumerate(tree[:, :2].astype(int), count):
        under[node] = under[left] | under[right]
    sharing = under & players
    return np.asarray(credits @ (sharing / np.maximum(sharing.sum(1, keepdims=True), 1)))
