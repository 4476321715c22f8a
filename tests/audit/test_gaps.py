"""Gaps between groups: by hand, and how often the interval and the verdict are right in simulated data sets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from audit.gaps import Gap, Measured, adjust, find_gaps, pair_differences, range_low, range_p_value
from audit.measures import confusion_cells
from models.errors import InputError

SETS, RESAMPLES = 500, 500


def normal(values: list[float], errors: list[float], *, budget: float = 5.0, higher: bool = True, seed: int = 1, resamples: int = 20_000) -> Measured:
    centre = np.array(values, dtype=float)
    draws = centre + np.random.default_rng(seed).normal(size=(resamples, len(values))) * np.array(errors)
    return Measured([f"g{number}" for number in range(len(values))], centre, draws, higher, budget)


def test_two_groups_have_the_interval_of_a_normal_difference() -> None:
    gap = find_gaps({"f1": normal([70, 60], [1.5, 2.0])})["f1"]
    error = 2.5  # of the difference: sqrt(1.5² + 2²)
    assert (gap.best, gap.worst, gap.value) == ("g0", "g1", 10)
    assert gap.low == pytest.approx(10 - 1.96 * error, abs=0.15)
    assert gap.high == pytest.approx(10 + 1.96 * error, abs=0.15)
    assert gap.minimum_detectable == pytest.approx((1.96 + 0.8416) * error, rel=0.02)
    assert gap.p_value == pytest.approx(2 * norm.sf(10 / error), abs=2e-4)
    assert gap.ratio is not None and gap.ratio.value == pytest.approx(6 / 7)


@pytest.mark.parametrize(("values", "errors", "budget", "verdict"), [
    ([70, 60], [1, 1], 5, "gap"), ([70, 69.8], [0.5, 0.5], 5, "no gap"), ([70, 66], [3, 3], 5, "cannot tell"),
    ([70, 69], [0.05, 0.05], 5, "no gap"),  # proven, and proven to be small
    ([70, 69], [0.05, 0.05], 0, "gap"), ([70, 70], [1, 1], 0, "cannot tell"),
])
def test_verdicts(values: list[float], errors: list[float], budget: float, verdict: str) -> None:
    assert find_gaps({"f1": normal(values, errors, budget=budget)})["f1"].verdict == verdict


def test_a_budget_is_exceeded_only_by_the_whole_interval() -> None:
    assert find_gaps({"f1": normal([70, 50], [1, 1], budget=10)})["f1"].exceeds_budget
    assert not find_gaps({"f1": normal([70, 58], [1, 1], budget=10)})["f1"].exceeds_budget


def test_where_less_is_better_the_best_is_the_lowest() -> None:
    gap = find_gaps({"ece": normal([0.3, 0.1, 0.2], [0.01, 0.01, 0.01], higher=False)})["ece"]
    assert (gap.best, gap.worst, gap.value) == ("g1", "g0", pytest.approx(0.2))
    assert gap.ratio is not None and gap.ratio.value == pytest.approx(3)


def test_groups_at_the_ends_of_the_scale_are_no_proof_of_the_whole_scale() -> None:
    """Of 13 rows each, all right and all wrong: the rates may be 79 and 21 as well, so that 100 apart is not certain."""
    rows = np.arange(26)
    groups, labels = rows // 13, np.zeros(26, dtype=int)
    cells = confusion_cells(groups, labels, groups, ("negative", "neutral", "positive"), 2)
    gap = find_gaps({"accuracy": Measured(("a", "b"), cells.values()["accuracy"], cells.draws()["accuracy"], True, 5)})["accuracy"]
    assert (gap.value, gap.high) == (100, 100) and 100 - 200 * (1 - 0.025 ** (1 / 13)) < gap.low < 75 and gap.verdict == "gap"


def test_groups_without_a_value_are_left_out() -> None:
    metric = normal([70, 60, 50], [1, 1, 1])
    metric.values[2] = np.nan
    assert find_gaps({"f1": metric})["f1"].worst == "g1"
    metric.values[1] = np.nan
    assert find_gaps({"f1": metric}) == {}


def test_p_values_are_adjusted_by_benjamini_and_hochberg() -> None:
    # by hand: 0.01 × 4 / 1, 0.04 × 4 / 3 after 0.03 × 4 / 2 = 0.06 is lowered to it, 0.5
    assert adjust([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5])
    assert adjust([]) == []
    gaps = find_gaps({"one": normal([70, 67], [1, 1]), "two": normal([70, 69.9], [1, 1]), "three": normal([70, 69], [1, 1])})
    assert [gap.q_value for gap in gaps.values()] == pytest.approx(adjust([gap.p_value for gap in gaps.values()]))


def test_every_pair_once_with_its_own_interval() -> None:
    pairs = pair_differences(normal([70, 60, 69], [1, 1, 1]))
    assert [(pair.first, pair.second) for pair in pairs] == [("g0", "g1"), ("g0", "g2"), ("g1", "g2")]
    assert pairs[1].difference.value == 1 and pairs[1].difference.low == pytest.approx(1 - 1.96 * np.sqrt(2), abs=0.1)
    assert pairs[1].p_value == pytest.approx(2 * norm.sf(1 / np.sqrt(2)), abs=0.02)
    assert [pair.q_value for pair in pairs] == pytest.approx(adjust([pair.p_value for pair in pairs]))


def test_shapes_that_do_not_fit_are_one_sentence() -> None:
    with pytest.raises(InputError, match=r"2 groups have values \(2,\) and draws \(5, 3\)"):
        Measured(["a", "b"], np.zeros(2), np.zeros((5, 3)), True, 5)
    with pytest.raises(InputError, match="the verdict 'maybe'"):
        Gap("a", "b", 1, 0, 2, None, 0.1, 0.1, 3, 5, "maybe")


def simulate(accuracies: list[float], rows: int, seed: int) -> list[Gap]:
    """Gaps of accuracy of SETS data sets whose groups have these true accuracies."""
    generator, count = np.random.default_rng(seed), len(accuracies)
    groups, gaps = np.repeat(np.arange(count), rows), []
    for number in range(SETS):
        labels = generator.integers(0, 2, len(groups))
        wrong = generator.random(len(groups)) >= np.repeat(accuracies, rows)
        cells = confusion_cells(groups, labels, labels ^ wrong, ("no", "yes"), count)
        measured = Measured([str(name) for name in range(count)], cells.values()["accuracy"],
                            cells.draws(resamples=RESAMPLES, seed=number)["accuracy"], True, 0.0)
        gaps.append(find_gaps({"accuracy": measured})["accuracy"])
    return gaps


@pytest.mark.parametrize("accuracies", [[0.8, 0.7], [0.7, 0.8, 0.8, 0.8, 0.9], [0.55, 0.7, 0.7, 0.75, 0.8]])
def test_the_interval_of_the_gap_covers_the_truth(accuracies: list[float]) -> None:
    gaps = simulate(accuracies, 400, seed=5)
    truth = 100 * (max(accuracies) - min(accuracies))
    assert 0.93 <= np.mean([gap.low <= truth <= gap.high for gap in gaps]) <= 0.97


@pytest.mark.parametrize("groups", [2, 5, 12])
def test_where_all_are_equal_a_gap_is_said_in_one_of_twenty_at_most(groups: int) -> None:
    gaps = simulate([0.75] * groups, 200, seed=6)
    assert np.mean([gap.verdict == "gap" for gap in gaps]) <= 0.05
    assert np.mean([gap.low > 0 for gap in gaps]) <= 0.05


def test_the_lower_end_allows_for_the_choice_of_the_groups() -> None:
    one_of_many = normal([66, *[70] * 18, 74], [2] * 20)
    pair = normal([66, 74], [2] * 2)
    assert range_low(one_of_many.values, one_of_many.draws) < range_low(pair.values, pair.draws) - 2
    assert range_p_value(one_of_many.values, one_of_many.draws) > 5 * range_p_value(pair.values, pair.draws)
