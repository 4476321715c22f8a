"""Metrics against tables counted by hand and scikit-learn; intervals against the binomial and a bootstrap over rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import accuracy_score, f1_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from models.errors import InputError
from models.metrics import (
    METRICS,
    accuracy,
    bootstrap_metric,
    confusion_matrix,
    flip_rate,
    interval,
    macro_f1,
    mean_over_groups,
    measure_group,
    measure_groups,
    resample,
)

CLASSES = ("negative", "neutral", "positive")
PAIRS = st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=60)
# gold in rows, predicted in columns: hits 5, 3 and 6 of 23
TABLE = np.array([[5, 1, 2], [2, 3, 1], [0, 3, 3 + 3]])


def test_by_hand() -> None:
    assert TABLE.sum() == 23
    assert accuracy(TABLE) == pytest.approx(100 * 14 / 23)
    # negative 2·5/(8+7), neutral 2·3/(6+7), positive 2·6/(9+9)
    assert macro_f1(TABLE) == pytest.approx(100 * (10 / 15 + 6 / 13 + 12 / 18) / 3)
    assert flip_rate(TABLE) == pytest.approx(100 * (2 + 0) / 23)


@pytest.mark.parametrize(("table", "values"), [
    (np.diag([4, 4, 4]), (100, 100, 0)),
    (np.array([[0, 0, 3], [0, 0, 0], [3, 0, 0]]), (0, 0, 100)),
    (np.array([[2, 0, 0], [0, 0, 0], [0, 0, 0]]), (100 / 3, 100, 0)),
    (np.array([[0, 4, 0], [0, 4, 0], [0, 4, 0]]), (100 * (8 / 16) / 3, 100 / 3, 0)),
    (np.zeros((3, 3), dtype=int), (0, 0, 0)),
], ids=["perfect", "opposite", "one-class", "always-neutral", "nothing"])
def test_extremes_by_hand(table: np.ndarray, values: tuple[float, float, float]) -> None:
    assert [METRICS[name](table) for name in ("macro_f1", "accuracy", "flip_rate")] == pytest.approx(values)


@given(PAIRS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_equal_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    counts = confusion_matrix(gold, predicted, CLASSES)
    assert counts.tolist() == sklearn_confusion(gold, predicted, labels=CLASSES).tolist()
    assert accuracy(counts) == pytest.approx(100 * accuracy_score(gold, predicted))
    assert macro_f1(counts) == pytest.approx(100 * f1_score(gold, predicted, labels=CLASSES, average="macro", zero_division=0))
    assert flip_rate(counts) == pytest.approx(100 * np.mean([{*pair} == {"negative", "positive"} for pair in pairs]))


@pytest.mark.parametrize("name", METRICS)
def test_a_stack_of_tables_gives_a_value_each(name: str) -> None:
    stack = np.stack([TABLE, TABLE.T, np.diag([1, 2, 3]), np.zeros((3, 3), dtype=int)])
    assert METRICS[name](stack) == pytest.approx([METRICS[name](table) for table in stack])


def test_bad_tables_are_named() -> None:
    with pytest.raises(InputError, match="There are 2 labels and 1 predictions"):
        confusion_matrix(["negative", "neutral"], ["negative"], CLASSES)
    with pytest.raises(InputError, match=r"'angry' is not among the classes \['negative', 'neutral', 'positive'\]"):
        confusion_matrix(["negative"], ["angry"], CLASSES)
    with pytest.raises(InputError, match="There is no row to measure"):
        bootstrap_metric(np.zeros((3, 3), dtype=int), accuracy)


@pytest.mark.parametrize(("hits", "count"), [(280, 400), (95, 100), (30, 60)])
def test_interval_of_a_share_is_binomial(hits: int, count: int) -> None:
    found = bootstrap_metric(np.array([[hits, count - hits], [0, 0]]), accuracy, resamples=20_000, seed=3)
    low, high = 100 * binom.ppf([0.025, 0.975], count, hits / count) / count
    one_row = 100 / count
    assert found.value == pytest.approx(100 * hits / count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=one_row + 1e-9)


def test_multinomial_draws_equal_drawing_rows() -> None:
    gold, predicted = np.divmod(np.repeat(np.arange(9), TABLE.ravel()), 3)
    generator = np.random.default_rng(5)
    draws = []
    for _ in range(3_000):
        rows = generator.integers(0, len(gold), len(gold))
        draws.append(macro_f1(confusion_matrix(gold[rows].tolist(), predicted[rows].tolist(), [0, 1, 2])))
    found = bootstrap_metric(TABLE, macro_f1, resamples=20_000)
    assert (found.low, found.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=1.5)


def test_resamples_keep_the_count_and_the_seed() -> None:
    draws = resample(TABLE, resamples=500, seed=2)
    assert draws.shape == (500, 3, 3)
    assert (draws.sum((1, 2)) == 23).all()
    assert (draws[:, TABLE == 0] == 0).all()
    assert np.array_equal(draws, resample(TABLE, resamples=500, seed=2))
    assert not np.array_equal(draws, resample(TABLE, resamples=500, seed=3))
    assert draws.mean(0) == pytest.approx(TABLE, abs=0.6)


def test_level_of_an_interval() -> None:
    found = interval(50.0, np.arange(101.0), level=0.9)
    assert (found.value, found.low, found.high) == pytest.approx((50, 5, 95))
    wide, narrow = (bootstrap_metric(TABLE, accuracy, level=level) for level in (0.99, 0.5))
    assert wide.low < narrow.low <= narrow.high < wide.high


@given(PAIRS, st.integers(0, 5))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_one_group_is_the_whole(pairs: list[tuple[str, str]], seed: int) -> None:
    gold, predicted = zip(*pairs, strict=True)
    whole = measure_group("de", gold, predicted, CLASSES, resamples=40, seed=seed)
    (group,) = measure_groups(["de"] * len(gold), gold, predicted, CLASSES, resamples=40, seed=seed)
    assert group.to_json_dict() == whole.to_json_dict()
    assert mean_over_groups([whole.confusion], macro_f1, resamples=40, seed=seed) == whole.metrics["macro_f1"]


@given(st.lists(st.tuples(st.sampled_from(["hi", "de", "zh-CN"]), st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_groups_add_up(rows: list[tuple[str, str, str]]) -> None:
    groups, gold, predicted = zip(*rows, strict=True)
    measured = measure_groups(groups, gold, predicted, CLASSES, resamples=10)
    assert [group.group for group in measured] == sorted(set(groups))
    assert sum(group.confusion for group in measured).tolist() == confusion_matrix(gold, predicted, CLASSES).tolist()
    assert sum(group.count for group in measured) == len(rows)
    for group in measured:
        assert all(found.low <= found.high for found in group.metrics.values())


def test_group_as_json_by_hand() -> None:
    found = measure_group("de", ["negative"], ["positive"], CLASSES, resamples=5).to_json_dict()
    zero, whole = ({"value": value, "low": value, "high": value} for value in (0.0, 100.0))
    assert found == {"count": 1, "confusion": [[0, 0, 1], [0, 0, 0], [0, 0, 0]],
                     "metrics": {"macro_f1": zero, "accuracy": zero, "flip_rate": whole}}


def test_mean_over_groups_weighs_them_alike() -> None:
    big, small = np.diag([900, 50, 50]), np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    found = mean_over_groups([big, small], accuracy, resamples=200)
    assert found.value == pytest.approx(50)
    assert (found.low, found.high) == pytest.approx((50, 50))
    halves = mean_over_groups([TABLE] * 16, accuracy, resamples=2_000)
    alone = bootstrap_metric(TABLE, accuracy, resamples=2_000)
    assert (halves.high - halves.low) == pytest.approx((alone.high - alone.low) / 4, rel=0.15)
