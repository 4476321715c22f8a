"""Heat maps of source against translation, and bars of shares."""

from __future__ import annotations

import numpy as np
import pytest

from xai.figures import MAX_TOKENS, NAMED_COLUMNS
from xai.translation_figures import WARNING_COLOUR, pair_heatmap, share_bars

MATRIX = np.array([[0.5, -0.25, 0.0], [0.1, 0.2, 0.3]])


def test_rows_are_target_tokens_and_zero_is_in_the_middle_of_a_signed_scale() -> None:
    figure = pair_heatmap(MATRIX, ("a", "b", "a"), ("x", "y"), signed=True, source_title="from", target_title="into")
    (heat,) = figure.data
    assert np.asarray(heat.z) == pytest.approx(MATRIX, abs=1e-5)
    assert (heat.zmin, heat.zmax) == (-0.5, 0.5)
    assert list(figure.layout.xaxis.ticktext) == ["a", "b", "a"], "equal tokens stay apart"
    assert list(heat.x) == [0, 1, 2]
    assert list(figure.layout.yaxis.ticktext) == ["x", "y"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert heat.text[1][2] == "y ← a"


def test_amounts_begin_at_nothing() -> None:
    (heat,) = pair_heatmap(np.abs(MATRIX), ("a", "b", "c"), ("x", "y"), signed=False).data
    assert (heat.zmin, heat.zmax) == (0, 0.5)
    (empty,) = pair_heatmap(np.zeros((1, 1)), ("a",), ("x",), signed=True).data
    assert (empty.zmin, empty.zmax) == (-1.0, 1.0)


def test_long_texts_are_cut_and_lose_their_names_over_the_columns() -> None:
    many = MAX_TOKENS + 3
    figure = pair_heatmap(np.ones((many, many)), ["s"] * many, ["t"] * many, signed=False)
    assert np.asarray(figure.data[0].z).shape == (MAX_TOKENS, MAX_TOKENS)
    assert not figure.layout.xaxis.showticklabels
    assert pair_heatmap(np.ones((2, NAMED_COLUMNS)), ["s"] * NAMED_COLUMNS, ["t"] * 2, signed=False).layout.xaxis.showticklabels


def test_tokens_are_escaped_where_plotly_reads_tags() -> None:
    figure = pair_heatmap(np.ones((1, 1)), ("<b>a",), ("<img src=x>",), signed=True)
    assert figure.layout.xaxis.ticktext[0] == "&lt;b&gt;a"
    assert "<img" not in figure.to_json().replace("\\u003c", "<")
    bars = share_bars(np.array([0.5]), ("<img src=x>",), [True], threshold=0.2)
    assert "<img" not in bars.to_json().replace("\\u003c", "<")


def test_text_read_from_the_right_has_its_first_word_on_the_right() -> None:
    assert pair_heatmap(MATRIX, ("a", "b", "c"), ("x", "y"), signed=True, right_to_left=True).layout.xaxis.autorange == "reversed"
    assert pair_heatmap(MATRIX, ("a", "b", "c"), ("x", "y"), signed=True).layout.xaxis.autorange is True
    assert share_bars(np.array([0.5]), ("x",), [False], threshold=None, right_to_left=True).layout.xaxis.autorange == "reversed"


def test_shares_of_source_and_prefix_add_up_and_warnings_stand_out() -> None:
    shares = np.array([1.0, 0.25, 0.6])
    figure = share_bars(shares, ("x", "y", "z"), [False, True, False], threshold=0.3, source_title="from", prefix_title="before")
    source, prefix = figure.data
    assert list(source.y) == list(shares)
    assert np.asarray(source.y) + np.asarray(prefix.y) == pytest.approx([1, 1, 1])
    assert [colour == WARNING_COLOUR for colour in source.marker.color] == [False, True, False]
    assert list(figure.layout.xaxis.ticktext) == ["x", "⚠ y", "z"], "not by colour alone"
    assert figure.layout.shapes[0].y0 == 0.3
    assert not share_bars(shares, ("x", "y", "z"), [False] * 3, threshold=None).layout.shapes
