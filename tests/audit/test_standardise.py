"""Adjusted gaps: a planted confounder goes, a planted bias stays."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from audit.gaps import Measured, find_gaps
from audit.measures import confusion_cells
from audit.standardise import standardise
from models.errors import InputError

CLASSES = ("negative", "neutral", "positive")
ROWS = 4_000


def table(mix: list[list[float]], lengths: list[float], bias: list[float], seed: int = 1) -> dict[str, np.ndarray]:
    """Two groups whose class mix, mean length and bias are given; neutral and long texts are hard for everyone."""
    generator = np.random.default_rng(seed)
    groups = np.repeat([0, 1], ROWS)
    labels = np.concatenate([generator.choice(3, ROWS, p=share) for share in mix])
    length = np.concatenate([generator.poisson(mean, ROWS) for mean in lengths])
    right = generator.random(2 * ROWS) < 0.95 - 0.25 * (labels == 1) - 0.006 * length - np.array(bias)[groups]
    predictions = np.where(right, labels, (labels + generator.integers(1, 3, 2 * ROWS)) % 3)
    return {"groups": groups, "labels": labels, "predictions": predictions, "lengths": length}


def gaps(rows: dict[str, np.ndarray]) -> tuple[dict[str, float], dict[str, float], dict[str, str]]:
    """Gap as it is, gap adjusted, and the adjusted verdicts with a budget of 3 points."""
    plain = confusion_cells(rows["groups"], rows["labels"], rows["predictions"], CLASSES, 2)
    adjusted = standardise(**rows, classes=CLASSES, group_count=2).cells
    found = [find_gaps({name: Measured(("a", "b"), cells.values()[name], draws[name], True, 3.0) for name in ("accuracy", "macro_f1")})
             for cells, draws in ((plain, plain.draws()), (adjusted, adjusted.draws()))]
    return ({name: gap.value for name, gap in found[0].items()}, {name: gap.value for name, gap in found[1].items()},
            {name: gap.verdict for name, gap in found[1].items()})


EVEN, NEUTRAL = [1 / 3, 1 / 3, 1 / 3], [0.15, 0.7, 0.15]


@pytest.mark.parametrize(("mix", "lengths"), [([EVEN, NEUTRAL], [20, 20]), ([EVEN, EVEN], [20, 32]), ([EVEN, NEUTRAL], [20, 30])])
def test_a_planted_confounder_disappears(mix: list[list[float]], lengths: list[float]) -> None:
    before, after, verdicts = gaps(table(mix, lengths, [0, 0]))
    assert before["accuracy"] > 5
    assert after["accuracy"] < 3
    assert verdicts["accuracy"] != "gap"


def test_a_planted_bias_stays() -> None:
    _, after, verdicts = gaps(table([EVEN, NEUTRAL], [20, 30], [0, 0.12]))
    assert after["accuracy"] == pytest.approx(12, abs=3)
    assert set(verdicts.values()) == {"gap"}


def test_without_confounders_nothing_changes() -> None:
    before, after, _ = gaps(table([EVEN, EVEN], [20, 20], [0, 0.1]))
    for name in before:
        assert after[name] == pytest.approx(before[name], abs=0.8)


def test_the_weights_are_those_of_scikit_learn() -> None:
    rows = table([EVEN, NEUTRAL], [20, 28], [0, 0.05])
    found = standardise(**rows, classes=CLASSES, group_count=2)
    bins = np.searchsorted(found.edges, rows["lengths"], side="right")
    strata = rows["labels"] * 10 + bins
    assert found.covered == 1.0
    for group in (0, 1):
        member = rows["groups"] == group
        own, pooled = (np.bincount(values, minlength=30) for values in (strata[member], strata))
        weights = (pooled / np.maximum(own, 1))[strata[member]]
        gold, said = rows["labels"][member], rows["predictions"][member]
        assert found.cells.values()["accuracy"][group] == pytest.approx(100 * accuracy_score(gold, said, sample_weight=weights))
        assert found.cells.values()["macro_f1"][group] == pytest.approx(100 * f1_score(gold, said, average="macro", sample_weight=weights))


def test_strata_that_a_group_lacks_are_left_out_and_told() -> None:
    groups, labels = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 0])
    found = standardise(groups, labels, labels, np.ones(5), CLASSES, 2, bins=1)
    assert found.covered == pytest.approx(3 / 5)  # only the negative rows are in both
    assert found.cells.values()["accuracy"].tolist() == pytest.approx([100, 100])


def test_nothing_in_common_is_one_sentence() -> None:
    with pytest.raises(InputError, match="nothing can be compared on equal terms"):
        standardise(np.array([0, 1]), np.array([0, 1]), np.array([0, 1]), np.ones(2), CLASSES, 2)
