"""Plotly figures of a translation: source tokens against target tokens, and shares of source and prefix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from xai.figures import MAX_TOKENS, NAMED_COLUMNS, SCALE, visible

# Purple through nothing to orange, as in the token rows: signed amounts, told apart without red and green.
SIGNED_SCALE = [[0.0, "#5e3c99"], [0.25, "#b2abd2"], [0.5, "#f7f7f7"], [0.75, "#fdb863"], [1.0, "#e66101"]]
SOURCE_COLOUR, PREFIX_COLOUR, WARNING_COLOUR = "#7b5fc0", "#c9c6d6", "#e66101"


def pair_heatmap(
    matrix: np.ndarray, source: Sequence[str], target: Sequence[str], *, signed: bool, source_title: str = "source", target_title: str = "target",
    right_to_left: bool = False,
) -> go.Figure:
    """Target tokens (rows) against source tokens (columns).

    Args:
        matrix: Weights or scores (target, source).
        source, target: The tokens.
        signed: Whether values have a sign; then zero has the colour of nothing and both ends reach equally far.
        source_title, target_title: Names of the axes.
        right_to_left: Whether the source is read from the right, as its columns then are.
    """
    rows, columns = min(len(target), MAX_TOKENS), min(len(source), MAX_TOKENS)
    values = np.asarray(matrix[:rows, :columns], dtype=np.float64)
    top = float(np.abs(values).max(initial=0.0)) or 1.0
    down, across = [visible(token) for token in target[:rows]], [visible(token) for token in source[:columns]]
    figure = go.Figure(go.Heatmap(
        z=values.round(5).astype(np.float32), x=list(range(columns)), y=list(range(rows)), colorscale=SIGNED_SCALE if signed else SCALE,
        zmin=-top if signed else 0, zmax=top, text=[[f"{word} ← {origin}" for origin in across] for word in down],
        hovertemplate="%{text}<br>%{z:.3f}<extra></extra>", xgap=1, ygap=1, colorbar={"thickness": 12, "title": ""},
    ))
    figure.update_xaxes(**_ticks(across), tickangle=-60 if columns > 8 else 0, showticklabels=columns <= NAMED_COLUMNS, title=source_title, side="top",
                        autorange="reversed" if right_to_left else True)
    figure.update_yaxes(**_ticks(down), autorange="reversed", title=target_title)
    return _plain(figure, min(max(320, 26 * rows + 170), 900), 13 if max(rows, columns) <= NAMED_COLUMNS else 10)


def share_bars(
    shares: np.ndarray, target: Sequence[str], flagged: Sequence[bool], *, threshold: float | None, source_title: str = "source",
    prefix_title: str = "prefix", axis_title: str = "share", right_to_left: bool = False,
) -> go.Figure:
    """One bar a target token, in reading order: which part comes from the source and which from the prefix.

    Args:
        shares: Part of the source (0-1) for each token (target,).
        target: The tokens.
        flagged: Tokens that hardly look at the source; they stand out by colour and by a mark before their name.
        threshold: Share drawn as a line, or None.
        source_title, prefix_title, axis_title: Names in the legend and of the axis.
        right_to_left: Whether the translation is read from the right, as its bars then are.
    """
    count = min(len(target), MAX_TOKENS)
    parts, marks = np.asarray(shares[:count], dtype=np.float64), list(flagged[:count])
    names = [f"⚠ {visible(token)}" if mark else visible(token) for token, mark in zip(target[:count], marks, strict=True)]
    places = list(range(count))
    colours = [WARNING_COLOUR if mark else SOURCE_COLOUR for mark in marks]
    figure = go.Figure()
    for title, values, colour in ((source_title, parts, colours), (prefix_title, 1 - parts, PREFIX_COLOUR)):
        figure.add_trace(go.Bar(x=places, y=values, name=title, marker={"color": colour}, customdata=names,
                                hovertemplate="%{customdata}: " + visible(title) + " %{y:.0%}<extra></extra>"))
    if threshold is not None:
        figure.add_hline(y=threshold, line={"dash": "dot", "width": 1, "color": WARNING_COLOUR}, annotation_text=f"{threshold:.0%}",
                         annotation_position="top right")
    figure.update_xaxes(**_ticks(names), tickangle=-60 if count > 12 else 0, autorange="reversed" if right_to_left else True)
    figure.update_yaxes(range=[0, 1], tickformat=".0%", title=axis_title, zeroline=False)
    figure.update_layout(barmode="stack", legend={"orientation": "h", "y": 1.15}, bargap=0.15)
    return _plain(figure, 340, 13)


def _ticks(names: Sequence[str]) -> dict[str, object]:
    """Names at numbered places: equal names would be merged."""
    return {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": list(names), "showgrid": False, "zeroline": False}


def _plain(figure: go.Figure, height: int, size: int) -> go.Figure:
    figure.update_layout(height=height, margin={"l": 10, "r": 10, "t": 10, "b": 10}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
                         font={"size": size})
    return figure
