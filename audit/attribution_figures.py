"""The Plotly figure of what words add to a prediction."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from audit.attribution_totals import WordTotal
from audit.figures import ACCENT, QUIET
from audit.wording import shown
from xai.figures import visible


def attribution_dots(words: Sequence[WordTotal], *, title: str = "mean attribution", most: int = 25) -> go.Figure:
    """A dot with its 95 % interval for each word, what speaks most for the class on top; hollow where the interval holds 0.

    Args:
        words: The most important first; shown as they are, right-to-left ones too.
        title: Of the axis.
        most: Words shown.
    """
    ordered = sorted(words[:most], key=lambda word: word.score.value)
    scores = [word.score for word in ordered]
    names = [f"\u2068{visible(shown(word.word))}\u2069" for word in ordered]  # its direction kept apart from what stands beside it
    colours = [ACCENT if score.value > 0 else QUIET for score in scores]
    figure = go.Figure()
    for place, (score, colour) in enumerate(zip(scores, colours, strict=True)):
        figure.add_shape(type="line", x0=score.low, x1=score.high, y0=place, y1=place, line={"color": colour, "width": 2})
    figure.add_trace(go.Scatter(
        x=[score.value for score in scores], y=list(range(len(ordered))), mode="markers", showlegend=False,
        marker={"color": colours, "size": 10, "symbol": ["circle-open" if score.low <= 0 <= score.high else "circle" for score in scores],
                "line": {"width": 2, "color": colours}},
        customdata=[[name, score.low, score.high, word.count, word.share] for name, score, word in zip(names, scores, ordered, strict=True)],
        hovertemplate="%{customdata[0]}: %{x:+.3f} [%{customdata[1]:+.3f}, %{customdata[2]:+.3f}], n = %{customdata[3]} (%{customdata[4]:.0f} %)"
                      "<extra></extra>"))
    figure.add_vline(x=0, line={"dash": "dot", "width": 1, "color": "gray"})
    figure.update_yaxes(tickmode="array", tickvals=list(range(len(ordered))), showgrid=False, zeroline=False,
                        ticktext=[f"{name}  n={word.count}" for name, word in zip(names, ordered, strict=True)])
    ends = [0.0, *(end for score in scores for end in (score.low, score.high))]
    room = 0.05 * (max(ends) - min(ends)) or 1.0  # lines that are no trace do not stretch an axis
    figure.update_xaxes(title=title, zeroline=False, range=[min(ends) - room, max(ends) + room])
    figure.update_layout(height=max(200, 24 * len(ordered) + 90), margin={"l": 10, "r": 24, "t": 24, "b": 10}, paper_bgcolor="rgba(0,0,0,0)",
                         plot_bgcolor="rgba(0,0,0,0)")
    return figure
