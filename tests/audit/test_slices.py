"""Slices: counts by hand, scipy's test, planted ones found, none in noise, confounding by group not taken for a slice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import fisher_exact

from audit.features import Features
from audit.slices import find_slices
from models.errors import ConfigError, InputError

ROWS, FEATURES = 3_000, 60


def noise(seed: int, rows: int = ROWS, count: int = FEATURES) -> Features:
    generator = np.random.default_rng(seed)
    shares = generator.uniform(0.03, 0.5, count)
    return Features(tuple(f"f{number}" for number in range(count)), csr_matrix(generator.random((rows, count)) < shares))


def test_one_slice_by_hand_and_by_fishers_exact_test() -> None:
    has = np.repeat([True, False], [100, 300])
    errors = np.concatenate([np.arange(100) < 40, np.arange(300) < 45])
    report = find_slices(Features(("late",), csr_matrix(has[:, None])), errors, depth=1)
    (found,) = report.slices
    assert (found.features, found.count, found.errors, found.rate, found.rest_rate) == (("late",), 100, 40, 40, 15)
    assert found.p_value == pytest.approx(fisher_exact([[40, 60], [45, 255]], alternative="greater").pvalue, rel=1e-9)
    assert found.q_value == found.p_value and report.tried == 1
    # Newcombe's hybrid score interval of 40/100 - 45/300: Wilson [30.94, 49.80] and [11.41, 19.48]
    assert (found.difference.value, found.difference.low, found.difference.high) == pytest.approx((25, 14.88, 35.44), abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_slice_and_a_planted_pair_are_in_the_top_three(seed: int) -> None:
    features = noise(seed)
    values = features.values.toarray()
    common = np.argsort(-values.sum(0))
    single, one, other = (int(place) for place in common[:3])
    generator = np.random.default_rng(100 + seed)
    risk = 0.15 + 0.2 * values[:, single]
    top = [part.features for part in find_slices(features, generator.random(ROWS) < risk).slices[:3]]
    assert (f"f{single}",) in top
    risk = 0.1 + 0.4 * (values[:, one] & values[:, other])
    top = [set(part.features) for part in find_slices(features, generator.random(ROWS) < risk).slices[:3]]
    assert {f"f{one}", f"f{other}"} in top


def test_pure_noise_gives_none() -> None:
    found = [len(find_slices(noise(seed), np.random.default_rng(1_000 + seed).random(ROWS) < 0.2).slices) for seed in range(40)]
    assert sum(count > 0 for count in found) <= 4  # 5 % of 40 are 2; more than 4 happen once in twenty


def test_a_feature_of_a_bad_group_is_no_slice() -> None:
    generator = np.random.default_rng(1)
    groups = np.repeat([0, 1], 1_500)
    has = generator.random(3_000) < np.where(groups == 1, 0.8, 0.1)  # of the group in which more is wrong
    errors = generator.random(3_000) < np.where(groups == 1, 0.5, 0.1)
    features = Features(("word=x",), csr_matrix(has[:, None]))
    assert find_slices(features, errors).slices and not find_slices(features, errors, groups=groups).slices


def test_slices_of_nearly_the_same_rows_are_told_once() -> None:
    generator = np.random.default_rng(2)
    has = generator.random(2_000) < 0.2
    twin = has.copy()
    twin[np.flatnonzero(has)[:5]] = False
    errors = generator.random(2_000) < 0.1 + 0.3 * has
    report = find_slices(Features(("a", "b"), csr_matrix(np.stack([has, twin], axis=1))), errors, depth=1)
    assert len(report.slices) == 1 and report.significant == 2 and report.tried == 2


def test_small_slices_and_rows_without_a_group_are_not_searched() -> None:
    has = np.arange(200) < 20
    features = Features(("rare",), csr_matrix(has[:, None]))
    assert find_slices(features, has).tried == 0  # 20 rows of 30 needed
    report = find_slices(features, has, groups=np.where(np.arange(200) < 150, 0, -1), minimum=10)
    assert (report.rows, report.errors, report.tried) == (150, 20, 1) and report.slices[0].rate == 100


def test_bad_input_is_one_sentence() -> None:
    features = noise(1, rows=10, count=3)
    with pytest.raises(InputError, match=r"errors \(9,\) and groups .* of 10 rows"):
        find_slices(features, np.zeros(9, dtype=bool))
    with pytest.raises(InputError, match="None of the 10 rows is in a group"):
        find_slices(features, np.zeros(10, dtype=bool), groups=np.full(10, -1))
    with pytest.raises(ConfigError, match="the depth 1 or 2"):
        find_slices(features, np.zeros(10, dtype=bool), depth=3)
