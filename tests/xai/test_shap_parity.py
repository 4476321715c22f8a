"""Partition values against shap's own explainer: the same masker, tree and budget, on texts of eight languages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from audit.probe import read_probe
from benchmarks.shap_masker import TokenMasker
from models.classifier import Classifier
from models.loading import load_classifier
from xai.masking import MaskedOutput
from xai.shap_values import explain_shap, partition_credits, partition_tree

CULTURES = ("en-US", "zh-CN", "ar-EG", "hi-IN", "de-DE", "es-MX", "fr-FR", "ru-RU")
EACH = 13


def shap_values(output: Callable[[np.ndarray], np.ndarray], tree: np.ndarray, max_evals: int) -> np.ndarray:
    """What shap finds (leaves, …)."""
    from shap import PartitionExplainer

    np.random.seed(0)
    leaves = len(tree) + 1
    return np.asarray(PartitionExplainer(output, TokenMasker(tree, leaves))(np.arange(leaves)[None], max_evals=max_evals, silent=True).values[0])


@pytest.fixture(scope="module")
def toy() -> Classifier:
    return load_classifier("toy")


@pytest.mark.parametrize("culture", CULTURES)
def test_values_are_those_of_shap(toy: Classifier, culture: str, shap_is_compiled: None) -> None:
    """104 texts; every second one is three sentences, so that the budget leaves a part of the tree closed."""
    texts = [sentence.text for sentence in read_probe() if sentence.culture == culture]
    assert len(texts) >= 2 * EACH
    spent, asked, closed = 0, 0, 0
    for number in range(EACH):
        text = texts[number] if number % 2 else " ".join((texts[number], texts[EACH + number], texts[number + 1]))
        output = MaskedOutput(toy, text, None)
        tree = partition_tree(output.tokenized.word_ids)
        theirs = shap_values(output, tree, 500).reshape(-1)
        ours = explain_shap(toy, text)
        assert np.abs(ours.scores - theirs).max() <= 1e-4, text
        assert ours.scores.sum() == pytest.approx(ours.value - ours.base_value, abs=1e-6)
        spent, asked, closed = spent + ours.evaluations, asked + output.evaluations, closed + (output.evaluations >= 490)
    assert spent <= 1.15 * asked, "what is evaluated ahead is mostly asked for later"
    assert closed > 0


@pytest.mark.parametrize("max_evals", [3, 4, 11, 12, 13, 60, 151])
def test_small_budgets_and_several_outputs(max_evals: int, shap_is_compiled: None) -> None:
    """A game with interactions and two outputs; scores of closed nodes are shared as shap shares them."""
    random = np.random.default_rng(3)
    main, pair = random.normal(size=(19, 2)), random.normal(size=(19, 19, 2)) * (random.random((19, 19, 1)) < 0.1)

    def game(masks: np.ndarray) -> np.ndarray:
        kept = np.atleast_2d(masks).astype(float)
        return np.tanh(kept @ main + np.einsum("mi,ijo,mj->mo", kept, pair, kept))

    tree = partition_tree(tuple(number // 2 for number in range(19)))
    credits = partition_credits(game, tree, max_evals)
    leaves = np.array([_share(credits, tree, leaf) for leaf in range(19)])
    assert leaves == pytest.approx(shap_values(game, tree, max_evals), abs=1e-9)
    assert credits.sum(0) == pytest.approx((game(np.ones((1, 19))) - game(np.zeros((1, 19))))[0])


def _share(credits: np.ndarray, tree: np.ndarray, leaf: int) -> np.ndarray:
    """What a leaf gets: its own credit, and of each node above it an even share."""
    total, node, sizes = credits[leaf].copy(), leaf, dict.fromkeys(range(19), 1)
    for number, row in enumerate(tree, 19):
        sizes[number] = int(row[3])
        if node in row[:2].astype(int):
            node = number
            total += credits[node] / sizes[node]
    return total
