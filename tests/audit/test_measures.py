"""Metrics from counts of cells against scikit-learn and against the rows themselves."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from audit.measures import BINS, Cells, brier_cells, confidence_cells, confusion_cells, count_cells, resample_cells
from models.errors import InputError

CLASSES = ("negative", "neutral", "positive")
GROUPS = 4


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    """3,000 rows with probabilities that are right in about four of five."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 3_000)
    probabilities = generator.dirichlet([1, 1, 1], 3_000) * 0.5
    probabilities[np.arange(3_000), np.where(generator.random(3_000) < 0.7, labels, generator.integers(0, 3, 3_000))] += 0.5
    predictions = probabilities.argmax(1)
    return {"groups": generator.integers(-1, GROUPS, 3_000), "labels": labels, "probabilities": probabilities, "predictions": predictions,
            "confidences": probabilities.max(1), "correct": predictions == labels}


def members(rows: dict[str, np.ndarray], group: int) -> dict[str, np.ndarray]:
    return {name: values[rows["groups"] == group] for name, values in rows.items()}


def test_confusion_metrics_are_those_of_scikit_learn(rows: dict[str, np.ndarray]) -> None:
    cells = confusion_cells(rows["groups"], rows["labels"], rows["predictions"], CLASSES, GROUPS)
    found = cells.values()
    for group in range(GROUPS):
        own = members(rows, group)
        gold, said = own["labels"], own["predictions"]
        assert found["macro_f1"][group] == pytest.approx(100 * f1_score(gold, said, average="macro"), abs=1e-9)
        assert found["accuracy"][group] == pytest.approx(100 * accuracy_score(gold, said), abs=1e-9)
        assert found["flip_rate"][group] == pytest.approx(100 * np.mean(np.abs(gold - said) == 2), abs=1e-9)
        for number, name in enumerate(CLASSES):
            assert found[f"precision_{name}"][group] == pytest.approx(100 * precision_score(gold, said, average=None)[number], abs=1e-9)
            assert found[f"recall_{name}"][group] == pytest.approx(100 * recall_score(gold, said, average=None)[number], abs=1e-9)


def test_calibration_is_that_of_the_rows(rows: dict[str, np.ndarray]) -> None:
    found = confidence_cells(rows["groups"], rows["confidences"], rows["correct"], GROUPS).values()
    for group in range(GROUPS):
        own = members(rows, group)
        excess = own["confidences"] - own["correct"]
        bins = np.minimum((own["confidences"] * BINS).astype(int), BINS - 1)
        expected = sum(abs(excess[bins == number].sum()) for number in range(BINS)) / len(excess)
        assert found["ece"][group] == pytest.approx(expected, abs=1e-9)
        assert found["confidence_gap"][group] == pytest.approx(excess.mean(), abs=1e-9)


def test_brier_by_hand_and_by_rows(rows: dict[str, np.ndarray]) -> None:
    # (0.7-1)² + 0.2² + 0.1² = 0.14 and 0.5² + (0.5-1)² + 0 = 0.5
    two = brier_cells(np.zeros(2, dtype=int), np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]]), np.array([0, 1]), 1)
    assert two.values()["brier"][0] == pytest.approx(0.32)
    found = brier_cells(rows["groups"], rows["probabilities"], rows["labels"], GROUPS).values()["brier"]
    for group in range(GROUPS):
        own = members(rows, group)
        assert found[group] == pytest.approx(((own["probabilities"] - np.eye(3)[own["labels"]]) ** 2).sum(1).mean(), abs=1e-9)


def test_one_group_is_the_whole(rows: dict[str, np.ndarray]) -> None:
    for cells, alone in (
        (confusion_cells(rows["groups"].clip(0), rows["labels"], rows["predictions"], CLASSES, GROUPS),
         confusion_cells(np.zeros(3_000, dtype=int), rows["labels"], rows["predictions"], CLASSES, 1)),
        (confidence_cells(rows["groups"].clip(0), rows["confidences"], rows["correct"], GROUPS),
         confidence_cells(np.zeros(3_000, dtype=int), rows["confidences"], rows["correct"], 1)),
    ):
        for name, value in cells.pooled().values().items():
            assert value == pytest.approx(alone.values()[name], abs=1e-9)


@pytest.mark.parametrize("family", ["confusion", "confidence", "brier"])
def test_draws_spread_as_rows_drawn_with_replacement_do(rows: dict[str, np.ndarray], family: str) -> None:
    def cells_of(chosen: np.ndarray) -> Cells:
        own = {name: values[chosen] for name, values in rows.items()}
        zero = np.zeros(len(chosen), dtype=int)
        if family == "confusion":
            return confusion_cells(zero, own["labels"], own["predictions"], CLASSES, 1)
        if family == "confidence":
            return confidence_cells(zero, own["confidences"], own["correct"], 1)
        return brier_cells(zero, own["probabilities"], own["labels"], 1)

    chosen = np.flatnonzero(rows["groups"] == 0)
    drawn = cells_of(chosen).draws(resamples=4_000, seed=2)
    generator = np.random.default_rng(3)
    plain = [cells_of(generator.choice(chosen, len(chosen))).values() for _ in range(1_000)]
    for name, draws in drawn.items():
        expected = np.array([values[name][0] for values in plain])
        assert draws.std() == pytest.approx(expected.std(), rel=0.1)  # Monte-Carlo error of 1,000 draws: 2.2 % a standard error
        assert abs(draws.mean() - expected.mean()) < 4 * expected.std() / np.sqrt(1_000)


def test_the_same_seed_draws_the_same_and_groups_draw_apart(rows: dict[str, np.ndarray]) -> None:
    cells = confusion_cells(rows["groups"], rows["labels"], rows["predictions"], CLASSES, GROUPS)
    first, again, other = (cells.draws(resamples=50, seed=seed)["accuracy"] for seed in (1, 1, 2))
    assert (first == again).all() and not (first == other).all()
    assert abs(np.corrcoef(cells.draws(resamples=2_000)["accuracy"].T)[0, 1]) < 0.08


def test_a_class_that_is_not_there_has_no_recall_and_no_precision() -> None:
    zeros = np.zeros(5, dtype=int)
    found = confusion_cells(zeros, zeros, zeros, CLASSES, 1).values()
    assert found["recall_negative"][0] == found["precision_negative"][0] == 100
    assert np.isnan(found["recall_positive"][0]) and np.isnan(found["precision_positive"][0])


def test_three_of_three_prove_little_though_some_resamples_lack_them() -> None:
    """Three positive predictions, all right, among 97 others: the precision may be as low as the bound of Clopper & Pearson for no case in three."""
    labels = np.array([2] * 3 + [0] * 50 + [1] * 47)
    cells = confusion_cells(np.zeros(100, dtype=int), labels, labels, CLASSES, 1)
    draws = cells.draws(resamples=2_000)["precision_positive"][:, 0]
    assert np.nanquantile(draws, 0.025) == pytest.approx(100 * 0.025 ** (1 / 3), abs=1.5) and np.nanmax(draws) == pytest.approx(100, abs=0.1)
    assert np.isnan(draws).mean() == pytest.approx(0.97**100, abs=0.02)  # those have no positive prediction: no gap is told from such a group


def test_flips_need_three_classes() -> None:
    assert "flip_rate" not in confusion_cells(np.zeros(2, dtype=int), np.array([0, 1]), np.array([0, 1]), ("no", "yes"), 1).measures


def test_rows_of_no_group_count_nowhere() -> None:
    assert count_cells(np.array([0, -1, 1, 1]), np.array([2, 2, 0, 0]), 2, 3).tolist() == [[0, 0, 1], [2, 0, 0]]


def test_an_empty_group_is_one_sentence() -> None:
    with pytest.raises(InputError, match="no row to measure; a group needs at least one"):
        resample_cells(np.zeros(9, dtype=int))


def test_counts_and_means_must_fit() -> None:
    with pytest.raises(InputError, match=r"Counts \(2, 3\) and means \(2, 4\)"):
        Cells(np.zeros((2, 3)), np.zeros((2, 4)), np.zeros(0), {})
