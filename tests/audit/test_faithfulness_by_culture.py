"""Faithfulness by culture: rows against single measurements, percentiles by brute force, intervals and gaps against scipy, pandas and simulations."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, percentileofscore, t, ttest_1samp, ttest_rel

from audit.__main__ import main
from audit.faithfulness_by_culture import FaithfulnessByCulture, measure_faithfulness_by_culture, summarise
from audit.faithfulness_gaps import MINIMUM, culture_gaps, length_bins, method_pairs
from audit.faithfulness_rows import RANDOM, RowFaithfulness, explain_row, percentile, random_explanation
from audit.faithfulness_tables import gaps_table, measures_table, method_pairs_table, methods_table, rows_table
from audit.mean_intervals import mean_interval
from models.classifier import Classifier
from models.errors import Cancelled, ConfigError, InputError
from models.loading import load_classifier, load_translator
from tests.tiny_translator import PAIRS, save_tiny_translator
from xai import METHODS, TRANSLATION_METHODS
from xai.faithfulness import measure_faithfulness, scores_by_word
from xai.rankings import VERDICTS, measure_ranking

NAMES = ("de", "hi")
QUICK = ("occlusion", "input_x_gradient")
WORDS = ("tea", "bus", "rain", "song", "desk", "lamp", "soup", "film")
SETTINGS = {"resamples": 200, "seed": 1}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Five to nine words each."""
    generator = np.random.default_rng(5)
    return [" ".join(generator.choice(WORDS, generator.integers(5, 10))) for _ in range(12)]


@pytest.fixture(scope="module")
def groups(texts: list[str]) -> np.ndarray:
    return np.arange(len(texts)) % 2


@pytest.fixture(scope="module")
def found(tiny_bert: Classifier, texts: list[str], groups: np.ndarray) -> FaithfulnessByCulture:
    return measure_faithfulness_by_culture(tiny_bert, texts, groups, NAMES, methods=QUICK, baselines=40, resamples=200)


def made_up(values: Sequence[float], group: int = 0, *, words: Sequence[int] | None = None, method: str = "a") -> list[RowFaithfulness]:
    """Rows with these percentiles."""
    return [RowFaithfulness(number, group, method, 10 if words is None else words[number], "probability", VERDICTS[1], value, value / 100, -value / 100, None)
            for number, value in enumerate(values)]


def summed_up(rows: Sequence[RowFaithfulness], names: Sequence[str]) -> FaithfulnessByCulture:
    """The summary of method "a" and of a random one that is at 50."""
    drawn = [replace(row, method=RANDOM, percentile=50.0) for row in rows]
    return summarise([*rows, *drawn], names, count=len(rows), unread=0, cut=0, signature={"methods": ["a"], "minimum": MINIMUM, **SETTINGS})


def additive(weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda kept: np.asarray(kept @ weights)


def test_the_percentile_by_brute_force() -> None:
    """Comprehensiveness of a sum of weights: the mean over the fractions of the weights of the first words; one fraction in five removes half of four words."""
    weights = np.array([0.4, 0.3, 0.2, 0.05])
    every = {order: np.mean([weights[list(order[:count])].sum() for count in (1, 1, 1, 1, 2)]) for order in itertools.permutations(range(4))}
    seen = []
    for order, own in every.items():
        scores = np.empty(4)
        scores[list(order)] = np.arange(4, 0, -1)
        measure = measure_ranking(additive(weights), scores).comprehensiveness
        seen.append(percentile(measure))
        near = np.array([value if abs(value - own) > 0.01 * np.ptp(list(every.values())) else own for value in every.values()])
        assert seen[-1] == pytest.approx(percentileofscore(near, own, kind="mean"), abs=1e-9)
    assert np.mean(seen) == pytest.approx(50, abs=1e-9) and min(seen) < 10 and max(seen) > 90


def test_explanations_by_lot_are_at_chance() -> None:
    generator = np.random.default_rng(3)
    measures = [measure_ranking(additive(generator.gamma(1, size=9)), generator.normal(size=9), baselines=40, seed=seed) for seed in range(250)]
    for name in ("comprehensiveness", "sufficiency"):
        assert ttest_1samp([percentile(getattr(one, name)) for one in measures], 50).pvalue > 0.01
    assert sum(one.verdict == "faithful" for one in measures) <= 14  # 2.5 % are 6.25; more than 14 have a chance of 0.2 %


def test_the_one_by_lot_has_a_number_a_word(tiny_bert: Classifier) -> None:
    explanation = METHODS["occlusion"](tiny_bert, "unbelievably extraordinarily good films")
    assert len(explanation.tokens) > 4
    drawn = random_explanation(explanation, 7)
    words, scores = scores_by_word(drawn)
    assert drawn.method == RANDOM and len(words) == 4
    assert (scores == scores_by_word(random_explanation(explanation, 7))[1]).all()
    assert (scores != scores_by_word(random_explanation(explanation, 8))[1]).all()


def test_rows_are_what_is_measured_of_each_alone(tiny_bert: Classifier, texts: list[str], found: FaithfulnessByCulture) -> None:
    assert [row.method for row in found.rows[:3]] == [*QUICK, RANDOM] and len(found.rows) == 3 * len(texts)
    for row in found.rows:
        if row.method == RANDOM:
            continue
        alone = measure_faithfulness(tiny_bert, METHODS[row.method](tiny_bert, texts[row.row]), baselines=40, seed=1 + row.row).measures
        assert (row.words, row.verdict) == (alone.words, alone.verdict) and row.group == row.row % 2
        assert row.comprehensiveness == pytest.approx(alone.comprehensiveness.value - alone.comprehensiveness.random_mean, abs=1e-6)
        assert row.sufficiency == pytest.approx(alone.sufficiency.value - alone.sufficiency.random_mean, abs=1e-6)
        expected = [50 + 50 * (measure.p_worse - measure.p_value) for measure in (alone.comprehensiveness, alone.sufficiency)]
        assert row.percentile == pytest.approx(np.mean(expected), abs=1.25)  # in other batches a ranking that is nearly as good may be on the other side
        assert row.kendall_tau == pytest.approx(None if alone.kendall_tau is None else alone.kendall_tau.value)


def test_leaving_words_out_one_by_one_is_better_than_lot(found: FaithfulnessByCulture) -> None:
    by_method = {part.method: part.metrics for part in found.overall}
    assert by_method["occlusion"]["percentile"].low > 60 and by_method["occlusion"]["kendall_tau"].low > 0.9  # it is what τ compares with
    assert by_method[RANDOM]["percentile"].low < 50 < by_method[RANDOM]["percentile"].high
    assert [(part.method, part.group, part.count) for part in found.by_culture] == [(method, name, 6) for method in (*QUICK, RANDOM) for name in NAMES]
    assert found.count == found.measured == 12 and found.unread == found.cut == 0 and found.output == "probability"
    assert found.gaps == {} and found.even_gaps == {}  # six rows a culture are too few


def test_means_and_shares_by_hand() -> None:
    rows = made_up([10, 20, 60], 0) + made_up([80, 90], 1)
    rows = [replace(row, verdict="faithful" if row.percentile > 50 else "cannot tell", kendall_tau=0.5 if row.percentile > 70 else None) for row in rows]
    found = summed_up(rows, NAMES)
    whole, de, hi = found.overall[0], found.by_culture[0], found.by_culture[1]
    assert (whole.method, whole.group, de.group, hi.group) == ("a", "overall", *NAMES)
    assert [part.metrics["percentile"].value for part in (whole, de, hi)] == pytest.approx([52, 30, 85])
    assert de.metrics["percentile"] == mean_interval(np.array([10.0, 20, 60]), **SETTINGS)
    assert [part.metrics["sufficiency"].value for part in (whole, de, hi)] == pytest.approx([-0.52, -0.3, -0.85])
    assert [part.metrics["faithful"].value for part in (whole, de, hi)] == pytest.approx([60, 100 / 3, 100])
    assert whole.metrics["faithful"].low == pytest.approx(100 * beta.ppf(0.025, 3, 3)) and whole.metrics["faithful"].high == pytest.approx(
        100 * beta.ppf(0.975, 4, 2))
    assert hi.metrics["worse than chance"].low == 0 and hi.metrics["worse than chance"].high > 80  # none of two says little
    assert sum(de.metrics[verdict].value for verdict in VERDICTS) == pytest.approx(100)
    assert "kendall_tau" not in de.metrics and hi.metrics["kendall_tau"].value == whole.metrics["kendall_tau"].value == 0.5


def test_a_culture_of_one_row_has_no_interval() -> None:
    found = summed_up(made_up([10, 20, 60], 0) + made_up([80], 1), NAMES)
    assert {part.group for part in found.by_culture} == {"de"} and found.overall[0].count == 4


def test_lengths_are_told_apart() -> None:
    bins = length_bins(np.array([3, 3, 9, 4, 20, 8, 6, 15, 30, 12]))
    assert bins.tolist() == [0, 0, 2, 1, 4, 2, 1, 3, 4, 3]
    assert length_bins(np.full(5, 7)).tolist() == [0] * 5
    values = np.linspace(0, 100, 40)
    found = summed_up(made_up(values.tolist(), words=list(range(1, 41))), ["de"])
    own = [part for part in found.by_length if part.method == "a"]
    assert [(part.group, part.count) for part in own] == [("1–8", 8), ("9–16", 8), ("17–24", 8), ("25–32", 8), ("33–40", 8)]
    assert [part.metrics["percentile"].value for part in own] == pytest.approx([values[at : at + 8].mean() for at in range(0, 40, 8)])


def test_a_difference_of_lengths_is_no_difference_of_cultures() -> None:
    """What decides is the number of words; one culture has longer texts."""
    generator = np.random.default_rng(11)
    words = np.concatenate([generator.integers(2, 14, 150), generator.integers(6, 18, 150)])
    groups, values = np.repeat([0, 1], 150), 20 + 4 * words + generator.normal(0, 5, 300)
    bins = length_bins(words)
    gaps, even = culture_gaps({"a": values}, groups, NAMES, bins, resamples=500, seed=1)
    frame = pd.DataFrame({"value": values, "group": groups, "bin": bins})
    means = frame.groupby("group").value.mean()
    assert (gaps["a"].best, gaps["a"].worst, gaps["a"].verdict) == ("hi", "de", "gap") and gaps["a"].value == pytest.approx(means[1] - means[0])
    cells = frame.groupby(["bin", "group"]).value.mean().unstack().dropna()
    weights = frame.groupby("bin").size()[cells.index]
    evened = cells.mul(weights, axis=0).sum() / weights.sum()
    assert even["a"].value == pytest.approx(abs(evened[1] - evened[0])) and even["a"].verdict != "gap" and even["a"].value < gaps["a"].value / 3


def test_lengths_that_never_meet_cannot_be_evened() -> None:
    groups, words = np.repeat([0, 1], 30), np.repeat([4, 40], 30)
    gaps, even = culture_gaps({"a": np.random.default_rng(1).uniform(0, 100, 60)}, groups, NAMES, length_bins(words), **SETTINGS)
    assert set(gaps) == {"a"} and even == {}


@pytest.mark.parametrize("size", [MINIMUM, 60])
def test_gaps_between_equal_cultures_are_rare(size: int) -> None:
    """Percentiles lie evenly, as those of a method at chance, in eight cultures of one kind."""
    generator, groups = np.random.default_rng(size), np.repeat(np.arange(8), size)
    p_values = []
    for seed in range(150):
        values = generator.uniform(0, 100, 8 * size)
        gaps, _ = culture_gaps({"a": values}, groups, [*"abcdefgh"], np.zeros(8 * size, dtype=int), resamples=200, seed=seed)
        p_values.append(gaps["a"].p_value)
    assert 0.005 <= np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_the_verdicts_of_gaps() -> None:
    generator, groups, bins = np.random.default_rng(2), np.repeat([0, 1], 200), np.zeros(400, dtype=int)
    far = np.concatenate([generator.normal(60, 15, 200), generator.normal(75, 15, 200)])
    near = np.concatenate([np.linspace(49, 51, 200)] * 2)
    wide = generator.uniform(0, 100, 400)
    gaps, _ = culture_gaps({"far": far, "near": near, "wide": wide}, groups, NAMES, bins, resamples=500, seed=1)
    assert {name: gap.verdict for name, gap in gaps.items()} == {"far": "gap", "near": "no gap", "wide": "cannot tell"}
    assert gaps["far"].q_value >= gaps["far"].p_value and gaps["far"].low <= 15 <= gaps["far"].high


def test_methods_are_compared_on_the_same_rows() -> None:
    generator = np.random.default_rng(8)
    rows = generator.uniform(20, 80, 60)
    values = {"a": rows + generator.normal(3, 4, 60), "b": rows, "c": rows + generator.normal(0, 4, 60)}
    pairs = {(pair.first, pair.second): pair for pair in method_pairs(values, resamples=4_000, seed=1)}
    assert set(pairs) == {("a", "b"), ("a", "c"), ("b", "c")}
    for (first, second), pair in pairs.items():
        differences = values[first] - values[second]
        test = ttest_rel(values[first], values[second])
        assert pair.difference.value == pytest.approx(differences.mean())
        half = t.isf(0.025, 59) * differences.std(ddof=1) / np.sqrt(60)
        assert [pair.difference.low, pair.difference.high] == pytest.approx([differences.mean() - half, differences.mean() + half], abs=0.12 * half)
        assert pair.p_value == pytest.approx(test.pvalue, abs=0.03)
    assert pairs["a", "b"].q_value < 0.01 < pairs["b", "c"].q_value


def test_given_targets_are_explained(tiny_bert: Classifier, texts: list[str]) -> None:
    labels = ["negative", "positive"]
    found = measure_faithfulness_by_culture(tiny_bert, texts[:2], np.zeros(2, dtype=int), ["de"], methods=["occlusion"], targets=labels, baselines=40,
                                            resamples=100)
    for row, label in zip(found.rows[::2], labels, strict=True):
        alone = measure_faithfulness(tiny_bert, METHODS["occlusion"](tiny_bert, texts[row.row], label), baselines=40, seed=1 + row.row).measures
        assert row.comprehensiveness == pytest.approx(alone.comprehensiveness.value - alone.comprehensiveness.random_mean, abs=1e-6)


def test_rows_without_text_are_counted_and_cut_ones_too(tiny_bert: Classifier, texts: list[str]) -> None:
    rows = ["", texts[0], " ", texts[1], " ".join(WORDS * 40)]
    found = measure_faithfulness_by_culture(tiny_bert, rows, np.array([0, 0, 1, 1, -1]), NAMES, methods=["input_x_gradient"], baselines=40, resamples=100)
    assert (found.count, found.measured, found.unread, found.cut) == (4, 2, 2, 0)
    found = measure_faithfulness_by_culture(tiny_bert, rows, np.array([-1, 0, -1, -1, 0]), NAMES, methods=["input_x_gradient"], baselines=40, resamples=100)
    assert (found.count, found.measured, found.unread, found.cut) == (2, 2, 0, 1)


def test_it_stops_between_and_within_texts(tiny_bert: Classifier, texts: list[str], groups: np.ndarray) -> None:
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled, match="stopped"):
        measure_faithfulness_by_culture(tiny_bert, texts, groups, NAMES, methods=QUICK, baselines=40, progress=stop)
    assert {total for _, total in told} == {12} and {done for done, _ in told} == {0, 1, 2} and len(told) > 3


def test_what_does_not_fit_is_one_sentence(tiny_bert: Classifier, texts: list[str], groups: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="The methods are magic; choose one or more of shap"):
        measure_faithfulness_by_culture(tiny_bert, texts, groups, NAMES, methods=["magic"])
    with pytest.raises(ConfigError, match=r"The methods are occlusion, occlusion; .* each once"):
        measure_faithfulness_by_culture(tiny_bert, texts, groups, NAMES, methods=["occlusion", "occlusion"])
    with pytest.raises(ConfigError, match="At most 1 rows are measured, expected 2 or more"):
        measure_faithfulness_by_culture(tiny_bert, texts, groups, NAMES, methods=QUICK, most_rows=1)
    with pytest.raises(InputError, match=r"12 texts and groups \(3,\)"):
        measure_faithfulness_by_culture(tiny_bert, texts, np.zeros(3, dtype=int), NAMES, methods=QUICK)
    with pytest.raises(InputError, match="12 texts and 1 targets; give one for each row, or none at all"):
        measure_faithfulness_by_culture(tiny_bert, texts, groups, NAMES, methods=QUICK, targets=["positive"])
    with pytest.raises(InputError, match="No row of the slice is in a group that was measured"):
        measure_faithfulness_by_culture(tiny_bert, texts, groups - 2, NAMES, methods=QUICK)
    with pytest.raises(InputError, match="in group 1 and there are 1 names"):
        measure_faithfulness_by_culture(tiny_bert, texts, groups, ["de"], methods=QUICK)
    with pytest.raises(InputError, match="can read 1 of the 2 rows drawn, expected 2 or more"):
        measure_faithfulness_by_culture(tiny_bert, ["", "good film"], np.zeros(2, dtype=int), ["de"], methods=["occlusion"], baselines=40)
    with pytest.raises(InputError, match="There are 10 random rankings, expected an even number from 40 on"):
        measure_faithfulness_by_culture(tiny_bert, texts, groups, NAMES, methods=QUICK, baselines=10)


def test_translations(tmp_path: Path) -> None:
    model = load_translator(str(save_tiny_translator(tmp_path / "translator", steps=20)))
    texts, languages = [english for english, _ in PAIRS[:3]] + [""], [("en", "zh")] * 4
    methods = ["occlusion", "cross_attention"]
    found = measure_faithfulness_by_culture(model, texts, np.zeros(4, dtype=int), ["zh-CN"], methods=methods, languages=languages,
                                            targets=[chinese for _, chinese in PAIRS[:3]] + [""], baselines=40, resamples=100)
    assert found.output == "log_probability" and found.measured == 3 and found.unread == 1
    for row in found.rows[:2]:
        alone = TRANSLATION_METHODS[row.method](model, texts[row.row], PAIRS[row.row][1], source_language="en", target_language="zh")
        expected = measure_faithfulness(model, alone, baselines=40, seed=1 + row.row).measures
        assert row.verdict == expected.verdict
        assert row.comprehensiveness == pytest.approx(expected.comprehensiveness.value - expected.comprehensiveness.random_mean, abs=1e-4)
    drawn = explain_row(model, texts[0], ["occlusion"], target=PAIRS[0][1], languages=("en", "zh"))[-1]
    assert drawn.method == RANDOM and len(scores_by_word(drawn)[0]) == found.rows[0].words
    with pytest.raises(ConfigError, match="The methods are attention_rollout; choose one or more of shap"):
        measure_faithfulness_by_culture(model, texts, np.zeros(4, dtype=int), ["zh-CN"], methods=["attention_rollout"], languages=languages)
    with pytest.raises(InputError, match="does not translate de-zh"):
        measure_faithfulness_by_culture(model, texts, np.zeros(4, dtype=int), ["zh-CN"], methods=methods, languages=[("de", "zh")] * 4)


def test_plain_values_and_the_tables() -> None:
    generator = np.random.default_rng(1)
    found = summed_up(made_up(generator.uniform(0, 50, 40).tolist(), 0) + made_up(generator.uniform(50, 100, 40).tolist(), 1), NAMES)
    content = json.loads(json.dumps(found.to_json_dict(), allow_nan=False))
    assert "rows" not in content and content["gaps"]["a"]["best"] == "hi" and content["overall"][0]["metrics"]["percentile"] == vars(
        found.overall[0].metrics["percentile"])
    table = methods_table(found)
    first = found.overall[0].metrics
    assert table.rows[0] == ("a", "overall", 80, *vars(first["percentile"]).values(), 0, 100, 0, 0, first["comprehensiveness"].value,
                             first["sufficiency"].value, None)
    long = measures_table(found)
    assert len(long.rows) == sum(len(part.metrics) for part in (*found.overall, *found.by_culture, *found.by_length))
    gap, even = found.gaps["a"], found.even_gaps["a"]
    (gaps,) = gaps_table(found, "en").rows
    assert gaps == ("a", "hi", "de", gap.value, gap.low, gap.high, gap.p_value, gap.q_value, "gap", even.value, even.low, even.high, "gap")
    assert [row[:2] for row in method_pairs_table(found).rows] == [("a", RANDOM)]
    rows = rows_table(found, NAMES)
    assert rows.rows[0][:4] == (1, "de", "a", 10) and len(rows.rows) == 160
    for language in ("en", "zh"):
        for one in (table, long, gaps_table(found, language), method_pairs_table(found), rows):
            assert len(set(one.named(language))) == len(one.columns)


def test_the_command_writes_what_the_function_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, output = tmp_path / "rows.jsonl", tmp_path / "out"
    words = ["--model", "toy", "--methods", "occlusion", "input_x_gradient", "--rows", "8", "--resamples", "100", "--baselines", "40"]
    rows = [{"text": f"good film, {WORDS[number % 8]}" if number % 2 else "bad film and so", "culture": "de" if number % 3 else "fr"} for number in range(14)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["faithfulness", "--input", str(path), "--output", str(output), *words]) == 0
    said = capsys.readouterr().out
    assert "8 of 14 rows measured; 0 could not be read" in said and RANDOM in said and "occlusion" in said
    found = measure_faithfulness_by_culture(
        load_classifier("toy"), [row["text"] for row in rows], np.array([0 if row["culture"] == "de" else 1 for row in rows]), ["de", "fr"],
        methods=["occlusion", "input_x_gradient"], most_rows=8, baselines=40, resamples=100)
    assert json.loads((output / "faithfulness.json").read_text(encoding="utf-8")) == json.loads(json.dumps(found.to_json_dict()))
    written = pd.read_csv(output / "faithfulness.csv")
    assert written.value.tolist() == pytest.approx([row[4] for row in measures_table(found).rows])
    assert len(pd.read_csv(output / "rows.csv")) == 24
    assert main(["faithfulness", "--input", str(path), "--output", str(output), "--model", "toy", "--methods", "magic"]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "The methods are magic; choose one or more of shap" in errors[0]


def test_the_command_measures_translations(tmp_path: Path) -> None:
    save_tiny_translator(tmp_path / "translator", steps=20)
    path, output = tmp_path / "pairs.jsonl", tmp_path / "out"
    rows = [{"source": english, "source_language": "en", "target_language": "zh", "culture": "zh-CN"} for english, _ in PAIRS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["faithfulness", "--task", "translation", "--input", str(path), "--output", str(output), "--model", str(tmp_path / "translator"),
                 "--text-column", "source", "--methods", "cross_attention", "--rows", "2", "--baselines", "40", "--resamples", "100"]) == 0
    content = json.loads((output / "faithfulness.json").read_text(encoding="utf-8"))
    assert content["output"] == "log_probability" and content["measured"] + content["unread"] == 2
