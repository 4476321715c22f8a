"""The audit of a table: agreement with scikit-learn, one group is the whole, planted gaps, parallel tables, settings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from audit.columns import AuditColumns
from audit.predictions import audit_predictions
from audit.report import AuditConfig, AuditReport
from audit.table import AuditTable, parse_audit_table
from models.errors import ConfigError, InputError

LABELS = ("negative", "neutral", "positive")
SIZES = {"de": 400, "en": 400, "fr": 400, "tiny": 5}


def rows_of(bias: dict[str, float], *, seed: int = 1, confident: bool = True) -> list[dict[str, Any]]:
    """The same items in every culture; a share of `bias` more of them is wrong, and half of the items are hard everywhere."""
    generator = np.random.default_rng(seed)
    gold, hard = generator.integers(0, 3, 400), generator.random(400) < 0.5
    rows = []
    for culture, size in SIZES.items():
        for item in range(size):
            right = generator.random() < (0.5 if hard[item] else 0.95) - bias.get(culture, 0)
            said = gold[item] if right else (gold[item] + generator.integers(1, 3)) % 3
            shares = np.full(3, 0.1)
            shares[said] = 0.8
            rows.append({"id": f"i{item}", "text": f"text {item}", "label": LABELS[gold[item]], "prediction": LABELS[said], "culture": culture,
                         **({f"p_{name}": f"{share:.1f}" for name, share in zip(LABELS, shares, strict=True)} if confident else {})})
    return rows


def table_of(rows: list[dict[str, Any]]) -> AuditTable:
    return parse_audit_table("".join(json.dumps(row) + "\n" for row in rows).encode(), "rows.jsonl")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return rows_of({"fr": 0.2})


@pytest.fixture(scope="module")
def report(rows: list[dict[str, Any]]) -> AuditReport:
    return audit_predictions(table_of(rows))


def test_groups_and_the_whole_are_those_of_scikit_learn(rows: list[dict[str, Any]], report: AuditReport) -> None:
    assert [group.group for group in report.by_culture] == ["de", "en", "fr"]
    for group in (*report.by_culture, report.overall):
        own = [row for row in rows if row["culture"] == group.group or (group.group == "overall" and row["culture"] != "tiny")]
        gold, said = ([row[name] for row in own] for name in ("label", "prediction"))
        assert group.count == len(own) == group.confusion.sum()
        assert group.metrics["accuracy"].value == pytest.approx(100 * accuracy_score(gold, said))
        assert group.metrics["macro_f1"].value == pytest.approx(100 * f1_score(gold, said, average="macro"))
        assert group.metrics["brier"].value == pytest.approx(np.mean([0.06 if g == s else 1.46 for g, s in zip(gold, said, strict=True)]))
        assert group.metrics["confidence_gap"].value == pytest.approx(0.8 - accuracy_score(gold, said))
        assert all(metric.low <= metric.value <= metric.high for name, metric in group.metrics.items() if name != "ece")


def test_the_planted_gap_is_found_and_small_groups_are_named(report: AuditReport) -> None:
    gap = report.gaps["macro_f1"]
    assert (gap.worst, gap.verdict) == ("fr", "gap") and gap.exceeds_budget
    assert report.small == {"tiny": 5}


def test_without_a_planted_gap_none_is_found() -> None:
    gaps = audit_predictions(table_of(rows_of({}, seed=3))).gaps
    assert "gap" not in {gap.verdict for gap in gaps.values()}


def test_one_group_is_the_whole(rows: list[dict[str, Any]]) -> None:
    found = audit_predictions(table_of([{**row, "culture": "all"} for row in rows]))
    assert found.gaps == {}
    assert found.by_culture[0].count == found.overall.count == len(rows)
    for name, metric in found.overall.metrics.items():
        assert metric.value == pytest.approx(found.by_culture[0].metrics[name].value)
        assert (metric.low, metric.high) == pytest.approx((found.by_culture[0].metrics[name].low, found.by_culture[0].metrics[name].high))


def test_a_parallel_table_has_narrower_gaps(rows: list[dict[str, Any]], report: AuditReport) -> None:
    paired = audit_predictions(table_of(rows), AuditColumns(item="id"))
    assert paired.items == 400 and report.items is None
    for name in ("macro_f1", "accuracy", "brier"):
        assert paired.gaps[name].value == pytest.approx(report.gaps[name].value)  # every item is in every measured group
        assert paired.gaps[name].minimum_detectable < 0.95 * report.gaps[name].minimum_detectable


def test_the_same_table_gives_the_same_report_and_the_report_is_json(rows: list[dict[str, Any]], report: AuditReport) -> None:
    again = audit_predictions(table_of(rows))
    assert json.dumps(report.to_json_dict(), allow_nan=False) == json.dumps(again.to_json_dict(), allow_nan=False)
    content = report.to_json_dict()
    assert content["schema_version"] == 1 and content["signature"]["data_sha256"] == table_of(rows).sha256
    assert content["signature"]["seed"] == 1 and content["signature"]["resamples"] == 2_000 and "numpy" in content["signature"]["versions"]
    other = audit_predictions(table_of(rows), config=AuditConfig(seed=2))
    assert other.overall.metrics["accuracy"].low != report.overall.metrics["accuracy"].low


def test_without_probabilities_there_is_no_calibration() -> None:
    found = audit_predictions(table_of(rows_of({}, confident=False)))
    assert set(found.overall.metrics) == {"macro_f1", "accuracy", "flip_rate", *(f"{kind}_{name}" for kind in ("precision", "recall") for name in LABELS)}


def test_all_predictions_equal() -> None:
    found = audit_predictions(table_of([{**row, "prediction": "neutral"} for row in rows_of({}, confident=False)]))
    assert found.gaps["recall_neutral"].value == 0 and found.gaps["recall_neutral"].verdict == "no gap"
    assert "precision_positive" not in found.overall.metrics and "precision_positive" not in found.gaps


def test_budgets_decide_the_verdict(rows: list[dict[str, Any]]) -> None:
    gap = audit_predictions(table_of(rows), config=AuditConfig(budgets={"macro_f1": 60})).gaps["macro_f1"]
    assert (gap.budget, gap.verdict, gap.exceeds_budget) == (60, "no gap", False)


def test_beyond_the_limit_the_largest_groups_are_measured() -> None:
    rows = [{"label": LABELS[number % 3], "prediction": LABELS[number % 2], "culture": f"c{culture}"} for culture in range(6) for number in range(30 + culture)]
    found = audit_predictions(table_of(rows), config=AuditConfig(most_groups=2))
    assert [group.group for group in found.by_culture] == ["c4", "c5"]
    assert found.left_out == {"groups beyond the 2 largest": 30 + 31 + 32 + 33}


@pytest.mark.parametrize("settings", [{"resamples": 10}, {"minimum_group": 0}, {"budgets": {"accuracy": -1.0}}, {"budgets": {"accuracy": float("nan")}}])
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        AuditConfig(**settings)


def test_a_budget_of_an_unknown_metric_is_one_sentence(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(ConfigError, match="A budget names the metric 'f2'; measured are macro_f1, accuracy"):
        audit_predictions(table_of(rows), config=AuditConfig(budgets={"f2": 1}))


def test_an_item_twice_is_named_by_its_rows(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="Rows 1 and 1206 are both the item 'i0' in de"):
        audit_predictions(table_of([*rows, rows[0]]), AuditColumns(item="id"))


def test_few_rows_that_are_all_right_do_not_prove_that_there_is_no_gap() -> None:
    def perfect(count: int) -> AuditReport:
        return audit_predictions(table_of([{"label": LABELS[number % 3], "prediction": LABELS[number % 3], "culture": culture}
                                           for culture in ("a", "b") for number in range(count)]))

    few, many = perfect(30), perfect(900)
    assert few.gaps["accuracy"].verdict == "cannot tell" and many.gaps["accuracy"].verdict == "no gap"
    hidden = 100 * (1 - 0.025 ** (1 / 30))  # what happens in 11.6 % of the rows is missing from 30 of them once in forty times
    assert few.by_culture[0].metrics["accuracy"].low == pytest.approx(100 - hidden, abs=0.05) and few.by_culture[0].metrics["accuracy"].high == 100
    # either group may be the worse one: half the chance each
    assert few.gaps["accuracy"].high == pytest.approx(100 * (1 - 0.05 ** (1 / 30)), abs=0.8) and few.gaps["accuracy"].value == 0
    recall = few.by_culture[0].metrics["recall_positive"]
    assert recall.low == pytest.approx(100 * 0.025 ** (1 / 10), abs=0.1) and recall.high == 100  # ten rows of each class


def test_pairs_mcnemar_and_equal_terms_are_in_the_report(rows: list[dict[str, Any]], report: AuditReport) -> None:
    assert [(pair.first, pair.second) for pair in report.pairs["accuracy"]] == [("de", "en"), ("de", "fr"), ("en", "fr")]
    worst = next(pair for pair in report.pairs["accuracy"] if (pair.first, pair.second) == ("de", "fr"))
    accuracies = {group.group: group.metrics["accuracy"].value for group in report.by_culture}
    assert worst.difference.value == pytest.approx(accuracies["de"] - accuracies["fr"]) and worst.q_value < 0.05
    assert report.mcnemar == [] and not isinstance(report.adjusted, str) and report.adjusted.covered == 1
    assert report.adjusted.gaps["accuracy"].worst == "fr" and report.adjusted.gaps["accuracy"].low > 5
    paired = audit_predictions(table_of(rows), AuditColumns(item="id"))
    test = next(test for test in paired.mcnemar if (test.first, test.second) == ("de", "fr"))
    assert test.only_first - test.only_second == pytest.approx(4 * (accuracies["de"] - accuracies["fr"])) and test.q_value < 0.05  # of 400 items


def test_one_group_has_nothing_to_compare(rows: list[dict[str, Any]]) -> None:
    found = audit_predictions(table_of([{**row, "culture": "all"} for row in rows]), model={"name": "m", "fingerprint": "f"})
    assert found.adjusted == "There is one group only." and found.pairs["accuracy"] == []
    assert found.to_json_dict()["signature"]["model"] == {"name": "m", "fingerprint": "f"}
    assert found.over_budget({"accuracy": 0}) == {}


def test_over_budget_are_only_the_gaps_that_were_given_one(rows: list[dict[str, Any]]) -> None:
    found = audit_predictions(table_of(rows), config=AuditConfig(budgets={"accuracy": 5, "macro_f1": 60}))
    assert set(found.over_budget(found.signature["budgets"])) == {"accuracy"}
