"""Plotly figures of metrics by culture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go

from models.metrics import Interval
from xai.figures import visible

ACCENT, QUIET = "#e66101", "#8073ac"  # orange and purple: told apart without red and green


class Group(Protocol):
    """Anything with a name, a count and metrics with intervals."""

    @property
    def group(self) -> str:
        """Its name."""

    @property
    def count(self) -> int:
        """Rows in it."""

    @property
    def metrics(self) -> dict[str, Interval]:
        """Every metric with its interval."""


class Confused(Group, Protocol):
    """A group of a classification."""

    @property
    def confusion(self) -> np.ndarray | None:
        """Counts (gold, predicted)."""


def culture_dots(groups: Sequence[Group], overall: Group | None, *, metric: str = "macro_f1", marked: str | None = None,
                 title: str = "", overall_title: str = "overall", scale: float = 100, band: tuple[float, float] | None = None) -> go.Figure:
    """Cultures sorted by a metric: a dot with its 95 % interval each, the count behind the name, a line for overall where there is such a thing.

    Args:
        groups: All have the metric.
        overall: All rows together.
        metric: Its key.
        marked: Name of the group to bring out.
        title: Of the axis.
        overall_title: Of the line.
        scale: 100 for percent; other metrics are shown with three digits, from 0 to the largest.
        band: Values shaded in grey, such as those that cannot be told from the best.
    """
    spelt = ".1f" if scale == 100 else ".3f"
    ordered = sorted(groups, key=lambda group: group.metrics[metric].value)
    values = [group.metrics[metric] for group in ordered]
    colours = [ACCENT if group.group == marked else QUIET for group in ordered]
    figure = go.Figure(layout={"shapes": [  # all at once: each further one would check all before it again
        {"type": "line", "x0": value.low, "x1": value.high, "y0": place, "y1": place, "line": {"color": colour, "width": 3 if colour == ACCENT else 1.5}}
        for place, (value, colour) in enumerate(zip(values, colours, strict=True))]})
    figure.add_trace(go.Scatter(
        x=[value.value for value in values], y=list(range(len(ordered))), mode="markers",
        marker={"color": colours, "size": [13 if colour == ACCENT else 8 for colour in colours]},
        customdata=[[visible(group.group), group.count, value.low, value.high] for group, value in zip(ordered, values, strict=True)],
        hovertemplate=f"%{{customdata[0]}}: %{{x:{spelt}}} [%{{customdata[2]:{spelt}}}, %{{customdata[3]:{spelt}}}], n = %{{customdata[1]}}<extra></extra>",
        showlegend=False,
    ))
    if band is not None:
        figure.add_vrect(x0=band[0], x1=band[1], fillcolor="gray", opacity=0.12, line_width=0, layer="below")
    if overall is not None and metric in overall.metrics:
        line = overall.metrics[metric].value
        figure.add_vline(x=line, line={"dash": "dot", "width": 1, "color": "gray"}, annotation_text=f"{overall_title} {line:{spelt}}",
                         annotation_position="top")
    shown = [visible(group.group) for group in ordered]
    names = [f"<b>{name}</b>  n={group.count}" if group.group == marked else f"{name}  n={group.count}"
             for name, group in zip(shown, ordered, strict=True)]
    figure.update_yaxes(tickmode="array", tickvals=list(range(len(ordered))), ticktext=names, showgrid=False, zeroline=False)
    figure.update_xaxes(title=title or metric, range=[0, 100] if scale == 100 else None, rangemode="tozero", zeroline=False)
    return _plain(figure, max(220, 24 * len(ordered) + 90))


def confusion_heatmap(group: Confused, classes: Sequence[str], *, gold_title: str = "label", predicted_title: str = "prediction") -> go.Figure:
    """Counts of gold label (rows) against prediction (columns); shade is the share of the row."""
    counts = np.zeros((len(classes), len(classes)), dtype=int) if group.confusion is None else group.confusion
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    figure = go.Figure(go.Heatmap(
        z=shares, x=list(range(len(classes))), y=list(range(len(classes))), text=counts, texttemplate="%{text}", zmin=0, zmax=1,
        colorscale=[[0, "#f7f7f7"], [0.5, "#b2abd2"], [1, "#5e3c99"]], showscale=False, xgap=2, ygap=2,
        hovertemplate="%{text} · %{z:.0%}<extra></extra>",
    ))
    ticks = {"tickmode": "array", "tickvals": list(range(len(classes))), "ticktext": [visible(name) for name in classes], "showgrid": False}
    figure.update_xaxes(**ticks, title=predicted_title, side="bottom")
    figure.update_yaxes(**ticks, title=gold_title, autorange="reversed")
    return _plain(figure, 260)


def confusion_squares(group: Confused, classes: Sequence[str], *, gold_title: str = "label", predicted_title: str = "prediction") -> go.Figure:
    """The same as `confusion_heatmap`, but of squares that can be clicked: a heat map says nothing of clicks to its page.

    x and y of each square are the numbers of its predicted and gold class.
    """
    size = len(classes)
    counts = np.zeros((size, size), dtype=int) if group.confusion is None else group.confusion
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    gold, predicted = (places.ravel() for places in np.indices(counts.shape))
    figure = go.Figure(go.Scatter(
        x=predicted.tolist(), y=gold.tolist(), mode="markers+text", text=[f"{count:,}" for count in counts.ravel()],
        marker={"symbol": "square", "size": max(18, min(64, 300 // size)), "color": shares.ravel(), "cmin": 0, "cmax": 1,
                "colorscale": [[0, "#efedf5"], [0.5, "#b2abd2"], [1, "#8073ac"]], "line": {"width": 1, "color": "#5e3c99"}},
        textfont={"color": "#1d1b22"}, hovertext=[f"{count:,} · {share:.0%}" for count, share in zip(counts.ravel(), shares.ravel(), strict=True)],
        hoverinfo="text", selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 0.45}}, showlegend=False))
    ticks = {"tickmode": "array", "tickvals": list(range(size)), "ticktext": [visible(name) for name in classes], "showgrid": False, "zeroline": False,
             "range": [-0.6, size - 0.4]}
    figure.update_xaxes(**ticks, title=predicted_title)
    figure.update_yaxes(**{**ticks, "range": [size - 0.4, -0.6]}, title=gold_title)
    return _plain(figure, max(300, min(700, 90 * size + 80)))


def _plain(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(height=height, margin={"l": 10, "r": 24, "t": 24, "b": 10}, paper_bgcolor="rgba(0,0,0,0)",
                         plot_bgcolor="rgba(0,0,0,0)")
    return figure
