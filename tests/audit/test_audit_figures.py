"""What the figures of an audit hold, read back from their traces and axes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from audit.audit_figures import MARK, before_after, gap_matrix, reliability, reliability_bins, words_bars
from audit.figures import ACCENT, QUIET
from audit.gaps import PairDifference
from audit.measures import BINS, confidence_cells
from audit.repair import Change, RepairedGroup
from models.errors import InputError
from models.metrics import Interval

PAIRS = [PairDifference("ar", "de", Interval(-12.0, -15.0, -9.0), 0.001, 0.003), PairDifference("ar", "<b>zh</b>", Interval(2.0, -1.0, 5.0), 0.2, 0.2),
         PairDifference("de", "<b>zh</b>", Interval(14.0, 11.0, 17.0), 0.001, 0.003)]


def bare(label: str) -> str:
    """A label without the marks that keep its direction apart."""
    assert label.count("\u2068") == label.count("\u2069") == 1
    return label.replace("\u2068", "").replace("\u2069", "")


def repaired(name: str, before: float, after: float, low: float, high: float) -> RepairedGroup:
    return RepairedGroup(name, 50, 3, 1, {"macro_f1": Change(before, after, Interval(after - before, low, high))}, None)


def test_the_matrix_is_row_minus_column() -> None:
    trace = gap_matrix(PAIRS, title="macro-F1").data[0]
    found = np.asarray(trace.z, dtype=float)
    assert np.isnan(np.diag(found)).all()
    assert found[0, 1:].tolist() == [-12, 2] and found[1, 2] == 14
    assert np.array_equal(found, -found.T, equal_nan=True)
    assert (trace.zmin, trace.zmax) == (-14, 14)  # nothing has the colour of the middle
    assert list(trace.x) == list(trace.y) == [0, 1, 2]


def test_only_proven_pairs_are_marked() -> None:
    trace = gap_matrix(PAIRS).data[0]
    assert [[MARK in text for text in row] for row in trace.text] == [[False, True, False], [True, False, True], [False, True, False]]
    assert trace.text[0][1] == f"-12.0 {MARK}" and trace.text[0][2] == "+2.0"
    assert trace.hovertext[1][0] == "\u2068de\u2069 − \u2068ar\u2069: +12.0 [9.0, 15.0], q = 0.003"
    assert gap_matrix(PAIRS, scale=1).data[0].text[0][2] == "+2.000"


def test_names_of_the_matrix_are_no_markup() -> None:
    figure = gap_matrix(PAIRS)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert [bare(label) for label in axis.ticktext] == ["ar", "de", "&lt;b&gt;zh&lt;/b&gt;"]
        assert list(axis.tickvals) == [0, 1, 2]
    assert "<b>" not in figure.to_json()


def test_many_groups_have_marks_and_no_numbers() -> None:
    names = [f"g{number:02d}" for number in range(13)]
    pairs = [PairDifference(first, second, Interval(1, 0, 2), 0.01, 0.01) for place, first in enumerate(names) for second in names[place + 1:]]
    texts = np.asarray(gap_matrix(pairs).data[0].text)
    assert (texts[~np.eye(13, dtype=bool)] == MARK).all()
    with pytest.raises(InputError, match="The matrix has 0 groups, expected 2 to 40"):
        gap_matrix([])
    with pytest.raises(InputError, match="The matrix has 41 groups"):
        gap_matrix([PairDifference("g", f"h{number}", Interval(1, 0, 2), 0.01, 0.01) for number in range(40)])


def test_bins_are_those_of_scikit_learn_and_give_the_ece() -> None:
    generator = np.random.default_rng(4)
    confidences = generator.random(3_000) ** 0.5 * 0.7 + 0.3
    correct = generator.random(3_000) < confidences**2
    bins = reliability_bins(confidences, correct)
    accuracy, confidence = calibration_curve(correct, confidences, n_bins=BINS)
    assert bins.accuracy == pytest.approx(accuracy) and bins.confidence == pytest.approx(confidence)
    expected = confidence_cells(np.zeros(3_000, dtype=int), confidences, correct, 1).values()["ece"][0]
    assert (np.abs(bins.confidence - bins.accuracy) * bins.count).sum() / 3_000 == pytest.approx(expected)
    assert len(bins.count) < BINS  # nothing lies below 0.3


def test_intervals_are_those_of_wilson() -> None:
    # 4 of 5 in one bin: (0.8 + z²/10 ± z sqrt(0.8 × 0.2 / 5 + z² / 100)) / (1 + z² / 5) with z = 1.96
    bins = reliability_bins(np.array([0.95, 0.96, 0.97, 0.98, 1.0]), np.array([True, True, True, True, False]))
    assert (bins.count.tolist(), bins.accuracy.tolist()) == ([5], [0.8])
    assert (bins.low[0], bins.high[0]) == pytest.approx((0.3755, 0.9638), abs=1e-4)
    with pytest.raises(InputError, match="0 confidences and 0 predictions"):
        reliability_bins(np.zeros(0), np.zeros(0))


def test_reliability_shows_a_culture_beside_all() -> None:
    overall = reliability_bins(np.array([0.5, 0.55, 0.9, 0.92]), np.array([True, False, True, True]))
    culture = reliability_bins(np.array([0.9, 1.0]), np.array([False, True]))
    figure = reliability(overall, culture, overall_title="all", culture_title="%{x}<i>", confidence_title="sure")
    diagonal, line, bars, own, own_bars = figure.data
    assert (list(diagonal.x), list(diagonal.y)) == ([0, 1], [0, 1])
    assert list(line.x) == pytest.approx([0.5, 0.55, 0.91]) and list(line.y) == [1, 0, 1]
    assert list(line.error_y.array) == pytest.approx(overall.high - overall.accuracy)
    assert list(line.error_y.arrayminus) == pytest.approx(overall.accuracy - overall.low)
    assert list(bars.y) == [0.25, 0.25, 0.5]
    assert [row[1] for row in own_bars.customdata] == [1, 1] and [row[3] for row in line.customdata] == [1, 1, 2]
    assert list(own_bars.x) == pytest.approx([13.5 / 15, 14.5 / 15])
    assert (line.marker.color, own.marker.color) == (QUIET, ACCENT)
    assert bare(own.name) == "%{x}&lt;i&gt;" and "%{x}&lt;i" not in own.hovertemplate  # a name is no template
    assert (figure.layout.xaxis2.title.text, figure.layout.yaxis.range) == ("sure", (0, 1))
    assert len(reliability(overall).data) == 3


def test_words_are_sorted_and_the_strongest_are_kept() -> None:
    odds, scores = np.array([0.5, 2.0, -1.0, 0.1]), np.array([2.5, 4.0, -3.0, 0.2])
    figure = words_bars(["not", "ليس", "<great>", "of"], odds, scores, most=3, title="log-odds ratio")
    bars = figure.data[0]
    assert list(bars.x) == [-1, 0.5, 2]
    assert [bare(label) for label in figure.layout.yaxis.ticktext] == ["&lt;great&gt;", "not", "ليس"]
    assert list(bars.marker.color) == [QUIET, ACCENT, ACCENT]
    assert list(bars.error_x.array) == pytest.approx([1.96 / 3, 1.96 * 0.2, 1.96 * 0.5])
    assert figure.layout.xaxis.title.text == "log-odds ratio"


def test_a_word_without_a_score_has_no_whisker() -> None:
    assert list(words_bars(["a"], np.zeros(1), np.zeros(1)).data[0].error_x.array) == [0]


def test_repairs_are_sorted_by_what_was_before() -> None:
    groups = [repaired("de", 70, 69, -2, 0.5), repaired("hi", 40, 55, 10, 20), RepairedGroup("no metric", 9, 0, 0, {}, None)]
    figure = before_after(groups, "macro_f1", title="macro-F1", after_title="with <repair>")
    before, after = figure.data
    assert (list(before.x), list(after.x)) == ([40, 70], [55, 69])
    assert [label.replace("\u2068", "").replace("\u2069", "") for label in figure.layout.yaxis.ticktext] == ["hi  n=50", "de  n=50"]
    assert [(line.x0, line.x1, line.y0, line.line.dash) for line in figure.layout.shapes] == [(40, 55, 0, "solid"), (70, 69, 1, "dot")]
    assert [list(row[1:]) for row in after.customdata] == [[50, 15, 10, 20], [50, -1, -2, 0.5]]
    assert after.name == "with &lt;repair&gt;"
    assert list(before_after(groups, "ece").data[0].x) == []
