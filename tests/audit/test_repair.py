"""Repairs of planted faults, what they leave alone, and that nothing is shown on the rows it was fitted on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, recall_score

import audit.repair
from audit.columns import MeasuredRows
from audit.measures import brier_cells, confidence_cells
from audit.recalibration import BIASES, FLOOR, TEMPERATURES, Fit, fit_biases, fit_temperature, halve_rows
from audit.recalibration import _confusions as confusions
from audit.repair import RepairPreview, preview_repair
from models.errors import ConfigError, InputError
from models.metrics import macro_f1

CLASSES = ("negative", "neutral", "positive")
NAMES = ("calm", "loud", "tilted")  # calibrated, over-confident by a temperature of 2.5, and with a bias for negative
LOUD, TILT = 2.5, np.array([1.0, 0.0, -1.0])
EACH = 2_000


def planted(each: int = EACH, seed: int = 1) -> MeasuredRows:
    """Labels drawn from known probabilities, of which the model of two cultures says something else."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(3), each)
    logits = generator.normal(size=(len(groups), 3)) * 1.5
    labels = (generator.random(len(groups))[:, None] > softmax(logits, axis=1).cumsum(1)).sum(1).clip(max=2)
    said = np.where((groups == 1)[:, None], logits * LOUD, np.where((groups == 2)[:, None], logits + TILT, logits))
    probabilities = softmax(said, axis=1)
    return MeasuredRows(names=NAMES, classes=CLASSES, groups=groups, labels=labels, predictions=probabilities.argmax(1), probabilities=probabilities,
                        left_out={}, small={})


@pytest.fixture(scope="module")
def preview() -> RepairPreview:
    return preview_repair(planted(), resamples=400)


def test_over_confidence_is_mended_in_its_culture(preview: RepairPreview) -> None:
    calm, loud, _ = preview.repair("temperature", "own").by_culture
    assert loud.fit is not None and loud.fit.temperature == pytest.approx(LOUD, rel=0.1)
    rows = planted()
    own = (rows.groups == 1) & ~halve_rows(rows.groups, rows.labels, seed=1)
    true = Fit(0, LOUD, (0.0,) * 3).apply(np.asarray(rows.probabilities)[own])  # even the true probabilities have an error, by chance
    by_chance = confidence_cells(np.zeros(own.sum(), dtype=int), true.max(1), true.argmax(1) == rows.labels[own], 1).values()["ece"][0]
    assert loud.metrics["ece"].before > 0.12 and loud.metrics["ece"].after == pytest.approx(by_chance, abs=0.01)
    assert loud.metrics["ece"].change.high < -0.08 and loud.metrics["brier"].change.high < 0
    assert loud.metrics["accuracy"].change.value == loud.mended == loud.broken == 0  # a temperature moves no prediction
    assert calm.fit is not None and calm.fit.temperature == pytest.approx(1, abs=0.1)
    for metric in ("ece", "brier"):
        assert calm.metrics[metric].change.low <= 0 <= calm.metrics[metric].change.high


def test_a_bias_of_classes_is_mended_in_its_culture(preview: RepairPreview) -> None:
    calm, _, tilted = preview.repair("biases", "own").by_culture
    assert tilted.fit is not None and np.asarray(tilted.fit.biases) == pytest.approx(-TILT, abs=0.35)
    assert sum(tilted.fit.biases) == pytest.approx(0, abs=1e-12)
    assert tilted.metrics["macro_f1"].change.low > 5 and tilted.metrics["accuracy"].change.low > 3
    assert tilted.metrics["recall_positive"].change.low > 20 and tilted.metrics["recall_negative"].change.high < -10  # what it costs the other class
    assert calm.metrics["macro_f1"].change.low <= 0 <= calm.metrics["macro_f1"].change.high
    assert abs(calm.metrics["macro_f1"].change.value) < 1.5


def test_one_repair_for_all_helps_the_planted_cultures_less(preview: RepairPreview) -> None:
    for kind, culture, metric, sign in (("temperature", 1, "ece", -1), ("biases", 2, "macro_f1", 1)):
        own, shared = (preview.repair(kind, scope) for scope in ("own", "shared"))
        assert sign * own.by_culture[culture].metrics[metric].change.value > sign * shared.by_culture[culture].metrics[metric].change.value + 0.01
        assert len({group.fit for group in shared.by_culture}) == 1 and shared.overall.fit == shared.by_culture[0].fit
        assert own.overall.fit is None and shared.overall.fit is not None
        assert shared.overall.fit.rows == sum(group.fit.rows for group in own.by_culture if group.fit is not None)


def test_gaps_shrink_where_the_worst_is_mended(preview: RepairPreview) -> None:
    gap = preview.repair("biases", "own").gaps["macro_f1"]
    assert gap.before.worst == "tilted"
    assert gap.after.value < gap.before.value - 5 and gap.change.high < 0
    assert gap.change.value == pytest.approx(gap.after.value - gap.before.value)
    for when in ("before", "after"):
        values = [getattr(group.metrics["macro_f1"], when) for group in preview.repair("biases", "own").by_culture]
        assert getattr(gap, when).value == pytest.approx(np.ptp(values))


def test_metrics_are_those_of_the_audit_and_of_scikit_learn(preview: RepairPreview) -> None:
    rows = planted()
    fitted_on = halve_rows(rows.groups, rows.labels, seed=1)
    assert rows.probabilities is not None
    for repair in preview.repairs:
        for number, group in enumerate(repair.by_culture):
            own = (rows.groups == number) & ~fitted_on
            labels, before, said = rows.labels[own], rows.probabilities[own], rows.predictions[own]
            assert group.fit is not None and group.count == own.sum() == len(labels)
            after = softmax(np.log(np.maximum(before, FLOOR)) / group.fit.temperature + np.array(group.fit.biases), axis=1)
            moved = after.argmax(1)
            zeros = np.zeros(len(labels), dtype=int)
            for probabilities, predictions, when in ((before, said, "before"), (after, moved, "after")):
                found = {name: getattr(change, when) for name, change in group.metrics.items()}
                ece = confidence_cells(zeros, probabilities[np.arange(len(labels)), predictions], predictions == labels, 1).values()["ece"][0]
                assert found["ece"] == pytest.approx(ece, abs=1e-12)
                assert found["brier"] == pytest.approx(brier_cells(zeros, probabilities, labels, 1).values()["brier"][0], abs=1e-12)
                assert found["macro_f1"] == pytest.approx(100 * f1_score(labels, predictions, average="macro"))
                assert found["accuracy"] == pytest.approx(100 * accuracy_score(labels, predictions))
                assert [found[f"recall_{name}"] for name in CLASSES] == pytest.approx((100 * recall_score(labels, predictions, average=None)).tolist())
            assert (group.mended, group.broken) == (((moved == labels) & (said != labels)).sum(), ((moved != labels) & (said == labels)).sum())


def test_overall_is_all_rows_shown(preview: RepairPreview) -> None:
    for repair in preview.repairs:
        assert repair.overall.count == sum(group.count for group in repair.by_culture) == 3 * EACH / 2
        for metric in ("accuracy", "brier"):  # means over rows, of cultures of one size
            assert repair.overall.metrics[metric].after == pytest.approx(np.mean([group.metrics[metric].after for group in repair.by_culture]))
        assert repair.overall.mended == sum(group.mended for group in repair.by_culture)


def test_of_large_cultures_some_rows_are_drawn_and_all_together_keep_their_shares() -> None:
    rows = planted(3_000)
    keep = (rows.groups == 0) | (np.arange(9_000) % 5 == 0)  # 3,000 rows of one culture, 600 of each other
    rows = replace(rows, groups=np.where(keep, rows.groups, -1))
    found = preview_repair(rows, resamples=400, most_rows=1_000)
    whole = preview_repair(rows, resamples=400)
    assert found.sampled == {"calm": 3_000} and whole.sampled == {}
    for repair, every in zip(found.repairs, whole.repairs, strict=True):
        assert [group.count for group in repair.by_culture] == [500, 300, 300] and [group.count for group in every.by_culture] == [1_500, 300, 300]
        for metric in ("accuracy", "brier"):
            values = [group.metrics[metric].after for group in repair.by_culture]
            assert repair.overall.metrics[metric].after == pytest.approx((5 * values[0] + values[1] + values[2]) / 7)
        change, other = repair.overall.metrics["brier"].change, every.overall.metrics["brier"].change
        assert abs(change.value - other.value) < (change.high - change.low) / 2
    few, many = (preview.repair("biases", "shared").by_culture[0].metrics["macro_f1"].change for preview in (found, whole))
    assert few.high - few.low > 1.3 * (many.high - many.low)  # a third of the rows: 1.7 but for chance and the fit


def test_the_interval_is_that_of_rows_drawn_with_replacement() -> None:
    rows = planted(400, seed=5)
    group = preview_repair(rows, resamples=4_000).repair("biases", "own").by_culture[2]
    own = (rows.groups == 2) & ~halve_rows(rows.groups, rows.labels, seed=1)
    assert group.fit is not None and rows.probabilities is not None
    labels, said, moved = rows.labels[own], rows.predictions[own], group.fit.apply(rows.probabilities[own]).argmax(1)
    generator, changes = np.random.default_rng(2), {"macro_f1": [], "accuracy": []}
    for _ in range(800):
        drawn = generator.integers(0, len(labels), len(labels))
        before, after = (macro_f1(np.bincount((3 * labels + predicted)[drawn], minlength=9).reshape(3, 3)) for predicted in (said, moved))
        changes["macro_f1"].append(after - before)
        changes["accuracy"].append(100 * ((labels == moved)[drawn].mean() - (labels == said)[drawn].mean()))
    for metric, drawn in changes.items():
        change, width = group.metrics[metric].change, np.std(drawn)
        assert (change.low, change.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.3 * width)  # three standard errors of a percentile


def test_what_is_fitted_on_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = planted(200)
    fitted_on = halve_rows(rows.groups, rows.labels, seed=1)
    monkeypatch.setattr(audit.repair, "halve_rows", lambda *args, **kwargs: fitted_on)  # labels change, the halves may not
    plain = preview_repair(rows, resamples=100)
    for changed, half in (("fitted", fitted_on), ("shown", ~fitted_on)):
        labels = rows.labels.copy()
        labels[half] = np.random.default_rng(1).permutation(labels[half])
        other = preview_repair(replace(rows, labels=labels), resamples=100)
        for old, new in zip(plain.repairs, other.repairs, strict=True):
            for before, after in zip(old.by_culture, new.by_culture, strict=True):
                assert (before.fit == after.fit) == (changed == "shown")
                same = [before.metrics[name].before == after.metrics[name].before for name in before.metrics]
                assert all(same) if changed == "fitted" else not all(same)


def test_halves_have_the_classes_of_the_whole() -> None:
    rows = planted(211)
    chosen = halve_rows(rows.groups, rows.labels, seed=1)
    for group in range(3):
        for label in range(3):
            own = chosen[(rows.groups == group) & (rows.labels == label)]
            assert abs(own.sum() - (~own).sum()) <= 1
        assert abs(chosen[rows.groups == group].sum() - 105.5) == 0.5
    assert (chosen == halve_rows(rows.groups, rows.labels, seed=1)).all() and (chosen != halve_rows(rows.groups, rows.labels, seed=2)).any()


def test_the_temperature_has_the_smallest_log_loss() -> None:
    rows = planted(300)
    probabilities, labels = np.asarray(rows.probabilities), rows.labels
    found = fit_temperature(probabilities, labels)
    losses = {value: log_loss(labels, Fit(1, value, (0.0,) * 3).apply(probabilities)) for value in np.geomspace(0.2, 8, 200)}
    assert found.temperature == pytest.approx(min(losses, key=lambda value: losses[value]), rel=0.01)
    assert log_loss(labels, found.apply(probabilities)) <= min(losses.values())


def test_rows_that_are_all_right_reach_the_bound_and_stay_numbers() -> None:
    found = fit_temperature(np.array([[0.9, 0.1], [0.2, 0.8], [1.0, 0.0]]), np.array([0, 1, 0]))
    assert found.temperature == pytest.approx(TEMPERATURES[0], rel=0.01)
    assert np.isfinite(found.apply(np.array([[1.0, 0.0], [0.0, 0.0]]))).all()


def test_the_biases_of_two_classes_are_the_best_of_all() -> None:
    generator = np.random.default_rng(6)
    labels = (generator.random(150) < 0.2).astype(int)
    first = softmax(generator.normal(size=(150, 2)) + np.array([1.5, 0]) + 1.5 * np.eye(2)[labels], axis=1)
    biases = fit_biases(first, labels).biases
    scores = [f1_score(labels, (np.log(first) + np.array([0, value])).argmax(1), average="macro") for value in BIASES]
    assert f1_score(labels, (np.log(first) + np.array(biases)).argmax(1), average="macro") == pytest.approx(max(scores))


def test_each_bias_has_the_confusion_of_its_rows() -> None:
    rows = planted(60)
    logs, biases = np.log(np.asarray(rows.probabilities)), np.array([0.3, -0.2, 0.1])
    for number in range(3):
        found = confusions(logs, rows.labels, number, biases)
        for place, value in list(enumerate(BIASES))[::6]:
            moved = biases.copy()
            moved[number] = value
            assert found[place].tolist() == confusion_matrix(rows.labels, (logs + moved).argmax(1), labels=range(3)).tolist()


def test_equally_good_biases_stay_nearest_to_none() -> None:
    assert fit_biases(np.array([[0.9, 0.1], [0.1, 0.9]] * 5), np.array([0, 1] * 5)).biases == (0.0, 0.0)


def test_small_cultures_are_named_and_classes_may_be_missing() -> None:
    rows = planted(100)
    groups = np.where((rows.groups == 2) & (np.arange(300) >= 220), -1, rows.groups)
    labels = np.where(rows.groups == 0, np.minimum(rows.labels, 1), rows.labels)
    found = preview_repair(replace(rows, groups=groups, labels=labels), resamples=100)
    assert found.small == {"tilted": 20}
    repair = found.repair("biases", "shared")
    assert [group.group for group in repair.by_culture] == ["calm", "loud"] and repair.overall.count == 100
    assert "recall_positive" not in repair.by_culture[0].metrics and "recall_positive" in repair.by_culture[1].metrics
    assert "recall_positive" not in repair.gaps and "recall_neutral" in repair.gaps


def test_predictions_that_are_not_the_most_probable_stay_with_a_temperature() -> None:
    rows = planted(100)
    said = np.where(np.arange(300) % 7 == 0, 1, rows.predictions)
    for group in preview_repair(replace(rows, predictions=said), resamples=100).repair("temperature", "shared").by_culture:
        assert group.mended == group.broken == 0 == group.metrics["macro_f1"].change.value


def test_rows_that_happen_not_to_move_prove_little() -> None:
    """Biases that move no row shown may move others: the interval is that of no case in so many rows; a temperature moves none for sure."""
    sure = np.where(np.arange(400)[:, None] % 2 == np.arange(2), 0.99, 0.01)
    labels = np.arange(400) % 2
    fitted_on = halve_rows(np.zeros(400, dtype=int), labels, seed=1)
    doubtful = np.flatnonzero(fitted_on)[:2]
    sure[doubtful], labels[doubtful] = [0.6, 0.4], 1
    rows = MeasuredRows(names=("one",), classes=("no", "yes"), groups=np.zeros(400, dtype=int), labels=labels, predictions=sure.argmax(1), probabilities=sure,
                        left_out={}, small={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit.repair, "halve_rows", lambda *args, **kwargs: fitted_on)
        found = preview_repair(rows)
    biased, warmed = (found.repair(kind, "own").by_culture[0] for kind in ("biases", "temperature"))
    assert biased.fit is not None and biased.fit.biases[1] > 0.2 and biased.mended == biased.broken == 0
    change = biased.metrics["accuracy"].change
    bound = 100 * (1 - 0.05 ** (1 / 200))  # as likely up as down
    assert change.value == 0 and (change.low, change.high) == pytest.approx((-bound, bound), rel=0.15)
    assert (warmed.metrics["accuracy"].change.low, warmed.metrics["accuracy"].change.high) == (0, 0)


def test_the_same_seed_gives_the_same_preview_as_plain_values() -> None:
    first, again, other = (preview_repair(planted(80), seed=seed, resamples=100) for seed in (1, 1, 2))
    assert first == again and first != other
    plain = json.loads(json.dumps(first.to_json_dict()))
    assert [(repair["kind"], repair["scope"]) for repair in plain["repairs"]] == [
        ("temperature", "own"), ("temperature", "shared"), ("biases", "own"), ("biases", "shared")]
    culture = plain["repairs"][0]["by_culture"][1]
    assert culture["culture"] == "loud" and culture["fit"]["temperature"] == first.repairs[0].by_culture[1].fit.temperature  # type: ignore[union-attr]
    assert set(culture["metrics"]["ece"]) == {"before", "after", "change"} and plain["repairs"][2]["gaps"]["macro_f1"]["before"]["worst"]


def test_what_cannot_be_repaired_is_one_sentence() -> None:
    rows = planted(20)
    with pytest.raises(InputError, match="no probabilities, expected columns p_<label> of negative, neutral, positive"):
        preview_repair(replace(rows, probabilities=None))
    with pytest.raises(InputError, match="The largest culture has 20 rows, the smallest repaired has 60"):
        preview_repair(rows)
    with pytest.raises(ConfigError, match="The smallest culture repaired has 1 rows, expected 2 or more"):
        preview_repair(rows, minimum_group=1)
    with pytest.raises(InputError, match="no repair by 'magic' with the scope 'own'"):
        preview_repair(rows, minimum_group=10, resamples=100).repair("magic", "own")
