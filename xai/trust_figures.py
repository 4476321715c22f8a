"""Plotly figures of how far explanations can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from xai.faithfulness import Faithfulness
from xai.figures import visible

DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot", "5px,2px")  # lines are told apart without their colours
COLOURS = ("#5e3c99", "#e66101", "#8073ac", "#b35806", "#35978f", "#01665e")


def deletion_curves(found: Sequence[Faithfulness], *, names: Sequence[str], random_title: str, removed_title: str, output_title: str) -> go.Figure:
    """The output while words are removed from the first of each explanation on, beside the mean of random orders (dotted).

    Args:
        found: Of explanations of one text and target.
        names: What the explanations are called.
        random_title: Of the dotted line.
        removed_title, output_title: Of the axes.
    """
    figure = go.Figure()
    for place, (one, name) in enumerate(zip(found, names, strict=True)):
        figure.add_trace(go.Scatter(x=list(one.measures.steps), y=list(one.measures.deletion_curve), name=visible(name), mode="lines", line={
            "color": COLOURS[place % len(COLOURS)], "dash": DASHES[place % len(DASHES)], "width": 2}))
    random = found[0].measures
    figure.add_trace(go.Scatter(x=list(random.steps), y=list(random.random_deletion_curve), name=visible(random_title), mode="lines",
                                line={"color": "gray", "dash": "dot", "width": 2}))
    figure.update_xaxes(title=visible(removed_title), zeroline=False)
    figure.update_yaxes(title=visible(output_title), zeroline=False, rangemode="tozero" if found[0].output == "probability" else "normal")
    figure.update_layout(height=320, margin={"l": 10, "r": 10, "t": 10, "b": 10}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)")
    return figure
