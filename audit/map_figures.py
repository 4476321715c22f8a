"""The Plotly figure of rows on a plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from audit.figures import ACCENT, QUIET
from audit.wording import shown
from models.text import visible_marks
from xai.figures import visible

# Okabe & Ito (2008), told apart by colour-blind readers; with more values than colours the symbol changes, too.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8073ac", "#7f7f7f")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down", "pentagon", "hexagram")
HOVERED = 80  # characters of a text
WRONG_COLOURS = (QUIET, ACCENT)  # right, wrong


def map_dots(
    coordinates: np.ndarray, numbers: Sequence[int], texts: Sequence[str], values: Sequence[str], order: Sequence[str], *,
    colours: Sequence[str] = COLOURS,
) -> go.Figure:
    """A dot for each row, coloured by a value; the first cell of a dot's `customdata` is its number.

    Args:
        coordinates: (rows, 2).
        numbers: Of the rows (rows,).
        texts: Shown where the pointer is, cut to HOVERED characters (rows,).
        values: What each row is coloured by (rows,).
        order: The different values, as they stand in the legend.
        colours: In the order of the values, taken in turns.
    """
    figure = go.Figure()
    for place, value in enumerate(order):
        own = [row for row, held in enumerate(values) if held == value]
        if not own:
            continue
        marker = {"color": colours[place % len(colours)], "symbol": SYMBOLS[place // len(colours) % len(SYMBOLS)], "size": 7, "opacity": 0.8}
        name = f"\u2068{visible(shown(value))}\u2069"
        figure.add_trace(go.Scatter(
            x=coordinates[own, 0], y=coordinates[own, 1], mode="markers", name=f"{name}  n={len(own)}", marker=marker,
            customdata=[[int(numbers[row]), _hover(texts[row]), name] for row in own],
            hovertemplate="%{customdata[1]}<br>%{customdata[2]} · %{customdata[0]}<extra></extra>",
            selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 0.15}}))
    empty = {"showticklabels": False, "zeroline": False, "showgrid": False, "title": None}
    figure.update_xaxes(**empty)
    figure.update_yaxes(**empty, scaleanchor="x")
    figure.update_layout(height=560, margin={"l": 10, "r": 10, "t": 24, "b": 10}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
                         dragmode="lasso", showlegend=True, legend={"itemsizing": "constant"})
    return figure


def _hover(text: str) -> str:
    line = " ".join(visible_marks(text).split())
    return f"\u2068{visible(line if len(line) <= HOVERED else line[: HOVERED - 1] + '…')}\u2069"
