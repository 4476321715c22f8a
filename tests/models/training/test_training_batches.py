"""Batch plans and sampling weights against numbers worked out by hand."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.data.pack import ROW_TYPE, PackedCorpus
from models.errors import ConfigError
from models.training.batches import BatchPlan, Sampling, pad, sampling_weights


def realistic_lengths(rows: int = 20_000) -> np.ndarray:
    """Log-normal lengths with a median of 25 tokens, cut at 128 as a corpus of tweets and reviews is."""
    return np.random.default_rng(5).lognormal(np.log(25), 0.6, rows).astype(np.int64).clip(3, 128)


def uniform_plan(lengths: np.ndarray, *, tokens: int = 4_096, seed: int = 1) -> BatchPlan:
    return BatchPlan(lengths, np.ones(len(lengths)), epoch_rows=len(lengths), tokens=tokens, seed=seed)


def fields(rows: list[tuple[int, int, int]]) -> Any:
    """Something like a packed corpus with rows of (dataset, language, domain)."""
    table = np.zeros(len(rows), dtype=ROW_TYPE)
    for name, column in zip(("dataset", "language", "domain"), zip(*rows, strict=True), strict=True):
        table[name] = column
    manifest = {"datasets": ["a", "b", "empty"], "languages": ["en", "de"], "domains": ["talk", "talk-emotion"]}
    return SimpleNamespace(rows=table, manifest=manifest)


def test_the_same_seed_gives_the_same_batches() -> None:
    lengths = realistic_lengths(3_000)
    first, second, other = (list(islice(iter(uniform_plan(lengths, seed=seed)), 60)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_endless_stream_is_the_epochs_one_after_the_other() -> None:
    plan = uniform_plan(realistic_lengths(500), tokens=512)
    expected = [*plan.epoch(0), *plan.epoch(1)]
    assert plan.steps(2) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(islice(iter(plan), len(expected)), expected, strict=True))
    assert sorted(np.concatenate(plan.epoch(0))) == list(range(500))
    assert not np.array_equal(plan.epoch(0)[0], plan.epoch(1)[0])


@pytest.mark.parametrize("tokens", [128, 130, 1_000, 4_096])
def test_no_batch_exceeds_the_token_budget(tokens: int) -> None:
    lengths = realistic_lengths(2_000)
    batches = uniform_plan(lengths, tokens=tokens).epoch(0)
    assert max(len(batch) * int(lengths[batch].max()) for batch in batches) <= tokens
    assert min(len(batch) for batch in batches) >= 1
    assert sum(len(batch) for batch in batches) == 2_000


def test_realistic_lengths_waste_under_five_percent() -> None:
    lengths = realistic_lengths()
    plan = uniform_plan(lengths)
    batches = plan.epoch(0)
    positions = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    waste = 100 * (1 - lengths.sum() / positions)
    assert waste < 5
    assert plan.padding_waste() == pytest.approx(waste)


def test_padding_waste_by_hand() -> None:
    # One batch of two rows: 2 + 4 real tokens in 2 × 4 positions.
    assert uniform_plan(np.array([2, 4]), tokens=8).padding_waste() == pytest.approx(25.0)
    assert uniform_plan(np.array([2, 4]), tokens=7).padding_waste() == pytest.approx(0.0)


def test_both_sides_of_pairs_are_padded_apart() -> None:
    # Two pairs in one batch: sources 2 and 4, targets 6 and 3, so 15 real tokens in 2 × (4 + 6) positions.
    assert uniform_plan(np.array([[2, 6], [4, 3]]), tokens=20).padding_waste() == pytest.approx(25.0)
    assert uniform_plan(np.array([[2, 6], [4, 3]]), tokens=19).padding_waste() == pytest.approx(0.0)


def test_pairs_of_two_lengths_waste_little() -> None:
    first = realistic_lengths()
    second = (first * np.random.default_rng(6).lognormal(0, 0.25, len(first))).astype(np.int64).clip(3, 128)
    sides = np.stack([first, second], axis=1)
    plan = uniform_plan(sides)
    batches = plan.epoch(0)
    assert max(len(batch) * int(sides[batch].max(0).sum()) for batch in batches) <= 4_096
    assert sorted(np.concatenate(batches)) == list(range(len(first)))
    by_sum = sum(int(sides[batch].max(0).sum()) * len(batch) for batch in uniform_plan(sides.sum(1)).epoch(0))
    assert plan.padding_waste() < 10 < 100 * (1 - sides.sum() / by_sum)  # one key for both sides pads each of them


def test_buckets_cut_where_the_next_row_would_not_fit() -> None:
    # Sorted: 2 2 3 | 5 5 | 9 within ten tokens, since 4 rows × 5 = 20 and 3 rows × 9 = 27 are too many.
    lengths = np.array([5, 2, 9, 3, 5, 2])
    batches = uniform_plan(lengths, tokens=10).epoch(0)
    assert sorted(sorted(lengths[batch].tolist()) for batch in batches) == [[2, 2, 3], [5, 5], [9]]


def test_rows_come_as_often_as_expected() -> None:
    weights = np.array([4.0, 2.0, 1.0, 0.5, 0.5, 0.0] * 50)
    plan = BatchPlan(np.full(300, 10), weights, epoch_rows=520, tokens=200, seed=3)
    expected = weights / 400 * 520  # 5.2, 2.6, 1.3, 0.65, 0.65 and 0 times an epoch
    epochs = 60
    total = np.zeros(300)
    for epoch in range(epochs):
        counts = np.bincount(np.concatenate(plan.epoch(epoch)), minlength=300)
        assert np.abs(counts - expected).max() < 1 + 1e-9  # systematic sampling: never a whole draw away
        assert abs(counts.sum() - 520) <= 1
        total += counts
    assert np.abs(total / epochs - expected).max() < 0.25
    for kind in range(6):
        assert total[kind::6].mean() / epochs == pytest.approx(expected[kind], abs=0.05)


def test_temperature_one_keeps_sizes_and_two_takes_roots() -> None:
    corpus = fields([(0, 0, 0)] * 9 + [(0, 1, 0)])
    rows = np.arange(10)
    assert sampling_weights(corpus, rows, Sampling()) == pytest.approx([0.1] * 10)
    # 9^(1/2) = 3 against 1^(1/2) = 1: English gets 3/4 over nine rows, German 1/4 for its only one.
    assert sampling_weights(corpus, rows, Sampling(temperature=2.0)) == pytest.approx([0.75 / 9] * 9 + [0.25])
    # 9^(1/4) = 1.7320508: English gets 1.7320508 / 2.7320508.
    warm = sampling_weights(corpus, rows, Sampling(temperature=4.0))
    assert warm[:9].sum() == pytest.approx(0.6339746)
    # Only the chosen rows are counted: four English rows and the German one, 2 against 1.
    assert sampling_weights(corpus, np.array([0, 1, 2, 3, 9]), Sampling(temperature=2.0))[-1] == pytest.approx(1 / 3)


def test_shares_fix_a_dataset_whatever_its_size() -> None:
    corpus = fields([(0, 0, 0)] * 8 + [(1, 0, 0)] * 2)
    weights = sampling_weights(corpus, np.arange(10), Sampling(shares={"b": 0.6}))
    assert weights == pytest.approx([0.4 / 8] * 8 + [0.3] * 2)
    both = sampling_weights(corpus, np.arange(10), Sampling(shares={"a": 0.2, "b": 0.3}))  # scaled up to a sum of 1
    assert both == pytest.approx([0.4 / 8] * 8 + [0.3] * 2)


def test_emotion_rows_are_weighed() -> None:
    corpus = fields([(0, 0, 0)] * 2 + [(0, 0, 1)] * 2)
    weights = sampling_weights(corpus, np.arange(4), Sampling(emotion_weight=0.5))
    assert weights == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 6])


def test_weights_of_the_packed_corpus_sum_to_one(packed: PackedCorpus) -> None:
    rows = packed.select(split="train")
    weights = sampling_weights(packed, rows, Sampling(temperature=3.0, shares={"umsab": 0.5}))
    member = packed.rows["dataset"][rows] == packed.manifest["datasets"].index("umsab")
    assert weights.sum() == pytest.approx(1.0)
    assert weights[member].sum() == pytest.approx(0.5)


def test_unknown_and_empty_datasets_are_named() -> None:
    corpus = fields([(0, 0, 0), (1, 0, 0)])
    with pytest.raises(ConfigError, match=r"name the dataset 'c'; known are \['a', 'b', 'empty'\]"):
        sampling_weights(corpus, np.arange(2), Sampling(shares={"c": 0.1}))
    with pytest.raises(ConfigError, match=r"the dataset 'empty', which has no row in this selection"):
        sampling_weights(corpus, np.arange(2), Sampling(shares={"empty": 0.1}))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [({"temperature": 0.5}, r"temperature is 0\.5, expected 1 or more"), ({"shares": {"a": -0.1}}, r"sum to at most 1"),
     ({"shares": {"a": 0.7, "b": 0.4}}, r"sum to at most 1")],
)
def test_sampling_out_of_range_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Sampling(**values)


def test_plans_without_rows_or_room_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"There is no row to train on"):
        uniform_plan(np.array([], dtype=np.int64))
    with pytest.raises(ConfigError, match=r"A batch holds 10 tokens, but a row has 11; raise batch_tokens"):
        uniform_plan(np.array([3, 11]), tokens=10)


def test_pad_fills_up_on_the_right() -> None:
    assert pad([np.array([1, 2, 3]), np.array([4])], 9).tolist() == [[1, 2, 3], [4, 9, 9]]
