"""What the figures by culture hold, read back from their traces and axes."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from audit.figures import ACCENT, QUIET, confusion_heatmap, culture_dots
from models.metrics import GroupMetrics, measure_group

CLASSES = ("negative", "neutral", "positive")


def group(name: str, right: int, wrong: int) -> GroupMetrics:
    return measure_group(name, ["positive"] * (right + wrong), ["positive"] * right + ["negative"] * wrong, CLASSES)


GROUPS = (group("zh-CN", 6, 4), group("de-DE", 9, 1), group("ar-EG", 2, 8))
OVERALL = group("overall", 17, 13)


def dots(metric: str = "accuracy", marked: str | None = "de-DE") -> go.Figure:
    return culture_dots(GROUPS, OVERALL, metric=metric, marked=marked, title="accuracy (0-100)", overall_title="all")


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_dots_are_sorted_from_the_bottom_up(metric: str) -> None:
    trace = dots(metric).data[0]
    assert list(trace.x) == sorted(one.metrics[metric].value for one in GROUPS)
    assert list(trace.y) == [0, 1, 2]
    assert [row[0] for row in trace.customdata] == ["ar-EG", "zh-CN", "de-DE"]


def test_every_dot_has_its_interval() -> None:
    figure = dots()
    lines = [shape for shape in figure.layout.shapes if shape.y0 == shape.y1]
    by_name = {one.group: one.metrics["accuracy"] for one in GROUPS}
    assert len(lines) == len(GROUPS)
    for line, name in zip(lines, ("ar-EG", "zh-CN", "de-DE"), strict=True):
        assert (line.x0, line.x1) == (by_name[name].low, by_name[name].high)
        assert line.x0 < by_name[name].value < line.x1
    assert [(row[2], row[3]) for row in figure.data[0].customdata] == [(line.x0, line.x1) for line in lines]


def test_counts_stand_beside_the_names() -> None:
    axis = dots(marked=None).layout.yaxis
    assert list(axis.tickvals) == [0, 1, 2]
    assert list(axis.ticktext) == ["ar-EG  n=10", "zh-CN  n=10", "de-DE  n=10"]
    assert [row[1] for row in dots().data[0].customdata] == [10, 10, 10]


def test_only_the_marked_culture_is_accented() -> None:
    figure = dots(marked="zh-CN")
    assert list(figure.data[0].marker.color) == [QUIET, ACCENT, QUIET]
    assert list(figure.layout.yaxis.ticktext) == ["ar-EG  n=10", "<b>zh-CN</b>  n=10", "de-DE  n=10"]
    lines = [shape.line.color for shape in figure.layout.shapes if shape.y0 == shape.y1]
    assert lines == [QUIET, ACCENT, QUIET]
    assert ACCENT not in dots(marked="fr-FR").data[0].marker.color


def test_the_overall_line_says_its_value() -> None:
    figure = dots()
    (line,) = [shape for shape in figure.layout.shapes if shape.x0 == shape.x1]
    assert line.x0 == pytest.approx(OVERALL.metrics["accuracy"].value)
    assert [note.text for note in figure.layout.annotations] == ["all 56.7"]
    assert list(figure.layout.xaxis.range) == [0, 100]
    assert figure.layout.xaxis.title.text == "accuracy (0-100)"


def test_a_culture_from_a_strangers_file_is_no_markup() -> None:
    figure = culture_dots([group("<a href='http://x'>zh</a>", 3, 1)], OVERALL, marked=None)
    assert list(figure.layout.yaxis.ticktext) == ["&lt;a href='http://x'&gt;zh&lt;/a&gt;  n=4"]
    assert figure.data[0].customdata[0][0].startswith("&lt;a")
    marked = culture_dots([group("<i>", 3, 1)], OVERALL, marked="<i>")
    assert list(marked.layout.yaxis.ticktext) == ["<b>&lt;i&gt;</b>  n=4"]


def test_confusion_is_shaded_by_the_share_of_its_row() -> None:
    labels = ["negative"] * 4 + ["positive"] * 2
    predictions = ["negative", "negative", "negative", "positive", "neutral", "positive"]
    figure = confusion_heatmap(measure_group("zh-CN", labels, predictions, CLASSES), ["负面", "<中性>", "正面"], gold_title="gold", predicted_title="said")
    trace = figure.data[0]
    assert np.asarray(trace.z).tolist() == [[0.75, 0, 0.25], [0, 0, 0], [0, 0.5, 0.5]]
    assert np.asarray(trace.text).tolist() == [[3, 0, 1], [0, 0, 0], [0, 1, 1]]
    assert (trace.zmin, trace.zmax) == (0, 1)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert list(axis.tickvals) == [0, 1, 2]
        assert list(axis.ticktext) == ["负面", "&lt;中性&gt;", "正面"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("said", "gold")
