"""Agreement of annotators: the example of Fleiss (1971), scikit-learn's kappa, by hand, and by plain loops over people."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import numpy as np
import pyarrow as arrow
import pytest
from sklearn.metrics import cohen_kappa_score

from audit.agreement import Annotations, agreement_cells, measure_agreement, read_annotations
from audit.table import AuditTable
from models.errors import InputError

FLEISS = np.array([  # ten subjects, fourteen people, five categories
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
])
UNEVEN = np.array([[2, 0], [1, 1], [0, 3], [1, 2]])


def values(counts: np.ndarray) -> dict[str, float]:
    cells, _ = agreement_cells(np.zeros(len(counts), dtype=int), counts, 1)
    return {name: float(value[0]) for name, value in cells.values().items()}


def as_counts(pairs: np.ndarray) -> np.ndarray:
    return np.stack([(pairs == label).sum(1) for label in range(3)], axis=1)


def votes(people: list[list[str]]) -> Annotations:
    table = AuditTable(arrow.table({f"a{number}": column for number, column in enumerate(zip(*people, strict=True))}), "", "rows.csv")
    return read_annotations(table, [f"a{number}" for number in range(len(people[0]))])


def simulate(rows: int, *, people: int = 4, seed: int = 3) -> list[list[str]]:
    """Labels of three classes by people who mostly see the truth; about one in four is missing."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, rows)
    said = np.where(generator.random((rows, people)) < 0.6, truth[:, None], generator.integers(0, 3, (rows, people)))
    return np.where(generator.random((rows, people)) < 0.25, "", np.array(["neg", "neu", "pos"])[said]).tolist()


def test_the_example_of_fleiss() -> None:
    found = values(FLEISS)
    assert found["fleiss_kappa"] == pytest.approx(0.210, abs=5e-4)
    assert found["observed_agreement"] == pytest.approx(37.8, abs=0.05)


def test_two_people_with_equal_shares_have_the_kappa_of_cohen() -> None:
    """Cohen (1960) has a share of each class for each person, Fleiss one for both: they differ unless both people use the classes alike."""
    people = np.random.default_rng(1).integers(0, 3, (200, 2))
    people[:120, 1] = people[:120, 0]
    both = np.concatenate([people, people[:, ::-1]])
    assert values(as_counts(both))["fleiss_kappa"] == pytest.approx(cohen_kappa_score(both[:, 0], both[:, 1]), abs=1e-12)
    skewed = people.copy()
    skewed[120:, 1] = 2
    assert values(as_counts(skewed))["fleiss_kappa"] < cohen_kappa_score(skewed[:, 0], skewed[:, 1]) - 0.005


def test_uneven_rows_by_hand() -> None:
    # agreement of the rows 1, 0, 1, 1/3; shares of the first class 1, 1/2, 0, 1/3, so 11/24 and 13/24 in all, by chance (121 + 169) / 576
    # one against the others in the last row: 0 for the first label, 1/2 for each of the two others, who see a tie
    found = values(UNEVEN)
    assert found["observed_agreement"] == pytest.approx(100 * 7 / 12)
    assert found["fleiss_kappa"] == pytest.approx((7 / 12 - 290 / 576) / (1 - 290 / 576))
    assert found["human_accuracy"] == pytest.approx(100 * (1 + 0 + 1 + 1 / 3) / 4)


@pytest.mark.parametrize(("row", "expected"), [
    ([1, 1, 1], 0), ([2, 2, 0], 0), ([3, 1, 0], 75), ([2, 1, 1], 100 * (2 * (1 / 3) + 0) / 4), ([5, 0, 0], 100), ([1, 1, 0], 0),
])
def test_ties_are_drawn_by_lot(row: list[int], expected: float) -> None:
    # [2, 1, 1]: who gave the first label sees three labels once each; the two others see the first label twice
    assert values(np.array([row]))["human_accuracy"] == pytest.approx(expected)


def test_people_and_rows_one_by_one() -> None:
    people = simulate(300)
    rows = [[label for label in row if label] for row in people if sum(map(bool, row)) > 1]
    agree, right, shares = [], [], []
    for row in rows:
        agree.append(np.mean([a == b for a, b in itertools.combinations(row, 2)]))
        own = []
        for place, label in enumerate(row):
            others = Counter(row[:place] + row[place + 1:])
            top = [name for name, count in others.items() if count == max(others.values())]
            own.append((label in top) / len(top))
        right.append(np.mean(own))
        shares.append([row.count(name) / len(row) for name in ("neg", "neu", "pos")])
    by_chance = (np.mean(shares, axis=0) ** 2).sum()
    report = measure_agreement(votes(people), np.zeros(300, dtype=int), ["all"], resamples=100)
    found = {name: value.value for name, value in report.overall.metrics.items()}
    assert found == pytest.approx({"observed_agreement": 100 * np.mean(agree), "human_accuracy": 100 * np.mean(right),
                                   "fleiss_kappa": (np.mean(agree) - by_chance) / (1 - by_chance)})
    assert (report.overall.count, report.overall.annotations) == (len(rows), sum(map(len, rows)))


def test_intervals_are_those_of_rows_drawn_with_replacement() -> None:
    annotations = votes(simulate(400))
    counts = annotations.counts[annotations.counts.sum(1) > 1]
    report = measure_agreement(annotations, np.zeros(400, dtype=int), ["all"], resamples=8_000)
    generator = np.random.default_rng(9)
    drawn = [values(counts[generator.integers(0, len(counts), len(counts))]) for _ in range(1_000)]
    for name, value in report.overall.metrics.items():
        own = [one[name] for one in drawn]
        width = np.std(own)
        low, high = np.quantile(own, [0.025, 0.975])
        assert (value.low, value.high) == pytest.approx((low, high), abs=0.25 * width)  # a percentile of 1,000 draws: 0.085 of it is a standard error
        assert value.low < value.value < value.high


def test_groups_are_measured_apart_and_named_where_nothing_is_known() -> None:
    people = [["a", "a", ""], ["a", "b", ""], ["b", "b", "b"], ["a", "", ""], ["", "", ""], ["b", "a", "a"]]
    groups = np.array([0, 0, 1, 2, 2, -1])
    report = measure_agreement(votes(people), groups, ["de", "en", "hi"], resamples=200)
    assert [(one.group, one.count, one.annotations) for one in report.by_culture] == [("de", 2, 4), ("en", 1, 3)]
    assert report.without == ("hi",)
    assert [one.metrics["observed_agreement"].value for one in report.by_culture] == [50, 100]
    assert report.overall.metrics["observed_agreement"].value == pytest.approx(200 / 3)
    assert (report.overall.count, report.overall.annotations) == (3, 7)
    plain = json.loads(json.dumps(report.to_json_dict()))
    assert plain["by_culture"][1]["culture"] == "en" and plain["without"] == ["hi"]


def test_one_label_alone_has_no_kappa_and_no_certainty() -> None:
    one = measure_agreement(votes([["a", "a"]] * 30), np.zeros(30, dtype=int), ["de"]).by_culture[0].metrics
    assert "fleiss_kappa" not in one
    assert one["human_accuracy"].value == one["human_accuracy"].high == 100
    assert one["human_accuracy"].low == pytest.approx(100 * 0.025 ** (1 / 30), abs=1.5)  # Clopper & Pearson for 30 of 30


def test_the_same_seed_gives_the_same_report() -> None:
    annotations, groups = votes(simulate(90)), np.arange(90) % 3
    first, again, other = (measure_agreement(annotations, groups, ["a", "b", "c"], resamples=100, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_annotations_are_trimmed_and_counted() -> None:
    found = votes([[" pos", "pos ", "neg"], ["", " ", "neg"]])
    assert found.classes == ("neg", "pos")
    assert found.counts.tolist() == [[1, 2], [1, 0]]


def test_what_cannot_be_measured_is_one_sentence() -> None:
    table = AuditTable(arrow.table({"a": ["x", ""], "b": ["", "y"], "empty": ["", ""]}), "", "rows.csv")
    with pytest.raises(InputError, match=r"1 column of annotators is named \(a\), agreement needs two"):
        read_annotations(table, ["a"])
    with pytest.raises(InputError, match="has no column 'c'"):
        read_annotations(table, ["a", "c"])
    with pytest.raises(InputError, match="empty, empty hold 0 different labels, expected 1 to 50"):
        read_annotations(table, ["empty", "empty"])
    with pytest.raises(InputError, match="No row has the labels of two people"):
        measure_agreement(read_annotations(table, ["a", "b"]), np.zeros(2, dtype=int), ["de"])
    with pytest.raises(InputError, match=r"Annotations \(3, 2\) of 1 classes"):
        Annotations(("a",), np.zeros((3, 2)))
