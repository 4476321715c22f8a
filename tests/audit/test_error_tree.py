"""The tree of errors: what was planted is asked for, noise is not, and rates come from the half that did not grow it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import binomtest, fisher_exact

from audit.error_tree import ErrorNode, fit_error_tree
from audit.features import Features
from models.errors import ConfigError, InputError

ROWS, FEATURES = 2_000, 40


def draw_features(generator: np.random.Generator, prefix: str = "f") -> Features:
    values = generator.random((ROWS, FEATURES)) < 0.3
    return Features(tuple(f"{prefix}{number}" for number in range(FEATURES)), csr_matrix(values))


def nodes(root: ErrorNode) -> Iterator[ErrorNode]:
    yield root
    for child in (root.absent, root.present):
        if child is not None:
            yield from nodes(child)


def test_planted_questions_are_asked_in_their_order() -> None:
    generator = np.random.default_rng(1)
    features = draw_features(generator)
    first, second = features.rows_with(["f3"]), features.rows_with(["f5"])
    root = fit_error_tree(features, generator.random(ROWS) < np.where(first, np.where(second, 0.9, 0.4), 0.1))
    assert root.feature == "f3" and root.present is not None and root.present.feature == "f5"
    assert root.absent is not None and root.absent.feature == ""
    for node, truth in ((root.absent, 10), (root.present.absent, 40), (root.present.present, 90)):
        assert node is not None and node.rate is not None and node.rate.low <= truth <= node.rate.high


def test_noise_asks_nothing() -> None:
    asked = 0
    for seed in range(40):
        generator = np.random.default_rng(100 + seed)
        asked += bool(fit_error_tree(draw_features(generator), generator.random(ROWS) < 0.2, seed=seed).feature)
    assert asked <= 2


def test_counts_and_rates_are_those_of_the_half_that_did_not_grow_the_tree() -> None:
    generator = np.random.default_rng(2)
    features = draw_features(generator)
    errors = generator.random(ROWS) < np.where(features.rows_with(["f3"]), 0.5, 0.1)
    root = fit_error_tree(features, errors, depth=1, seed=7)
    told = np.random.default_rng(7).permutation(ROWS)[ROWS // 2 :]
    has, wrong = features.rows_with(["f3"])[told], errors[told]
    assert root.present is not None and root.absent is not None and root.feature == "f3"
    for node, rows in ((root, np.ones(len(told), dtype=bool)), (root.present, has), (root.absent, ~has)):
        assert (node.count, node.errors) == (rows.sum(), wrong[rows].sum())
        expected = binomtest(int(wrong[rows].sum()), int(rows.sum())).proportion_ci(method="wilson")
        assert node.rate is not None
        assert (node.rate.value, node.rate.low, node.rate.high) == pytest.approx((100 * wrong[rows].mean(), 100 * expected.low, 100 * expected.high))
    table = [[(wrong & has).sum(), (~wrong & has).sum()], [(wrong & ~has).sum(), (~wrong & ~has).sum()]]
    assert root.q_value == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-6)


def test_a_feature_that_errors_lack_is_tested_on_the_side_that_was_worse() -> None:
    generator = np.random.default_rng(3)
    features = draw_features(generator)
    root = fit_error_tree(features, generator.random(ROWS) < np.where(features.rows_with(["f3"]), 0.05, 0.4))
    assert root.feature == "f3" and root.q_value is not None and root.q_value < 1e-6


def test_a_split_that_the_other_half_turns_round_is_pruned() -> None:
    generator = np.random.default_rng(4)
    features, seed = draw_features(generator), 5
    order = np.random.default_rng(seed).permutation(ROWS)
    first = np.isin(np.arange(ROWS), order[: ROWS // 2])
    errors = generator.random(ROWS) < np.where(features.rows_with(["f3"]) == first, 0.5, 0.1)
    assert fit_error_tree(features, errors, depth=1, seed=seed) == fit_error_tree(features, errors, depth=1, seed=seed)
    assert fit_error_tree(features, errors, depth=1, seed=seed).feature == ""


def test_a_question_is_kept_for_what_is_below_it() -> None:
    """Errors where one of two features is present and not the other: neither says much alone."""
    generator = np.random.default_rng(6)
    values = generator.random((ROWS, 2)) < 0.5
    errors = generator.random(ROWS) < np.where(values[:, 0] ^ values[:, 1], 0.6, 0.1)
    root = fit_error_tree(Features(("one", "other"), csr_matrix(values)), errors, depth=2)
    assert {node.feature for node in nodes(root)} == {"one", "other", ""}
    assert root.q_value is not None and root.q_value > 0.05


def test_rare_words_are_not_asked_for_and_rare_values_of_columns_are() -> None:
    generator = np.random.default_rng(7)
    rare = np.zeros((10_000, 1), dtype=bool)
    rare[generator.choice(10_000, 95, replace=False)] = True  # less than 1 %
    errors = generator.random(10_000) < np.where(rare[:, 0], 0.95, 0.05)
    assert fit_error_tree(Features(("word=rare",), csr_matrix(rare)), errors, minimum=10).feature == ""
    assert fit_error_tree(Features(("domain=rare",), csr_matrix(rare)), errors, minimum=10).feature == "domain=rare"


def test_depth_and_leaves_are_limited_and_the_seed_decides() -> None:
    generator = np.random.default_rng(8)
    features = draw_features(generator)
    errors = generator.random(ROWS) < 0.05 + 0.15 * features.values[:, :5].toarray().sum(1)
    deep, flat = fit_error_tree(features, errors, depth=3), fit_error_tree(features, errors, depth=1)
    assert len(list(nodes(deep))) > 3 and len(list(nodes(flat))) == 3
    assert fit_error_tree(features, errors, depth=3) == deep != fit_error_tree(features, errors, depth=3, seed=2)
    assert sum(node.count for node in nodes(deep) if not node.feature) == deep.count == ROWS // 2
    assert min(node.count for node in nodes(fit_error_tree(features, errors, minimum=400))) > 300


def test_all_right_or_all_wrong_is_a_leaf() -> None:
    features = draw_features(np.random.default_rng(9))
    for value in (False, True):
        root = fit_error_tree(features, np.full(ROWS, value))
        assert root.feature == "" and root.rate is not None and root.rate.value == 100 * value


def test_plain_values() -> None:
    generator = np.random.default_rng(10)
    features = draw_features(generator)
    plain = fit_error_tree(features, generator.random(ROWS) < np.where(features.rows_with(["f3"]), 0.5, 0.1), depth=1).to_json_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["feature"] == "f3" and plain["present"]["feature"] == "" and plain["present"]["rate"]["value"] > 40


def test_what_does_not_fit_is_one_sentence() -> None:
    features = draw_features(np.random.default_rng(11))
    with pytest.raises(InputError, match=r"errors \(5,\) of 2000 rows"):
        fit_error_tree(features, np.zeros(5, dtype=bool))
    with pytest.raises(InputError, match="2000 rows, too few for two halves of two leaves of 501; give 2004 or more"):
        fit_error_tree(features, np.zeros(ROWS, dtype=bool), minimum=501)
    with pytest.raises(ConfigError, match="depth 0 and leaves of 30"):
        fit_error_tree(features, np.zeros(ROWS, dtype=bool), depth=0)
    with pytest.raises(InputError, match="asks 'f1' and has 0 of a q-value and two sides"):
        ErrorNode(1, 0, None, "f1")
