"""Plotly figures of metrics by culture."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from models.metrics import GroupMetrics
from models.translation_metrics import TranslationMetrics
from xai.figures import visible

ACCENT, QUIET = "#e66101", "#8073ac"  # orange and purple: told apart without red and green


def culture_dots(groups: Sequence[GroupMetrics | TranslationMetrics], overall: GroupMetrics | None, *, metric: str = "macro_f1", marked: str | None = None,
                 title: str = "", overall_title: str = "overall") -> go.Figure:
    """Cultures sorted by a metric: a dot with its 95 % interval each, the count behind the name, a line for overall where there is such a thing."""
    ordered = sorted(groups, key=lambda group: group.metrics[metric].value)
    values = [group.metrics[metric] for group in ordered]
    colours = [ACCENT if group.group == marked else QUIET for group in ordered]
    figure = go.Figure()
    for place, (value, colour) in enumerate(zip(values, colours, strict=True)):
        figure.add_shape(type="line", x0=value.low, x1=value.high, y0=place, y1=place, line={"color": colour, "width": 3 if colour == ACCENT else 1.5})
    figure.add_trace(go.Scatter(
        x=[value.value for value in values], y=list(range(len(ordered))), mode="markers",
        marker={"color": colours, "size": [13 if colour == ACCENT else 8 for colour in colours]},
        customdata=[[visible(group.group), group.count, value.low, value.high] for group, value in zip(ordered, values, strict=True)],
        hovertemplate="%{customdata[0]}: %{x:.1f} [%{customdata[2]:.1f}, %{customdata[3]:.1f}], n = %{customdata[1]}<extra></extra>",
        showlegend=False,
    ))
    if overall is not None:
        line = overall.metrics[metric].value
        figure.add_vline(x=line, line={"dash": "dot", "width": 1, "color": "gray"}, annotation_text=f"{overall_title} {line:.1f}",
                         annotation_position="top")
    shown = [visible(group.group) for group in ordered]
    names = [f"<b>{name}</b>  n={group.count}" if group.group == marked else f"{name}  n={group.count}"
             for name, group in zip(shown, ordered, strict=True)]
    figure.update_yaxes(tickmode="array", tickvals=list(range(len(ordered))), ticktext=names, showgrid=False, zeroline=False)
    figure.update_xaxes(title=title or metric, range=[0, 100], zeroline=False)
    return _plain(figure, max(220, 24 * len(ordered) + 90))


def confusion_heatmap(group: GroupMetrics, classes: Sequence[str], *, gold_title: str = "label", predicted_title: str = "prediction") -> go.Figure:
    """Counts of gold label (rows) against prediction (columns); shade is the share of the row."""
    counts = group.confusion
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


def _plain(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(height=height, margin={"l": 10, "r": 10, "t": 24, "b": 10}, paper_bgcolor="rgba(0,0,0,0)",
                         plot_bgcolor="rgba(0,0,0,0)")
    return figure
