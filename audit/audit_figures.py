"""Plotly figures of an audit: pairs of cultures, reliability, words of errors, and repairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from scipy.stats import binomtest

from audit.figures import ACCENT, QUIET
from audit.gaps import LEVEL, PairDifference
from audit.measures import BINS
from audit.repair import RepairedGroup
from audit.wording import shown
from models.errors import InputError
from xai.figures import visible
from xai.translation_figures import SIGNED_SCALE

MARK = "●"  # on a pair whose difference is proven
NUMBERED = 12  # groups; with more, numbers in the squares run into each other and only the marks are shown
MOST_GROUPS = 40  # of a matrix that can still be read


def gap_matrix(pairs: Sequence[PairDifference], *, scale: float = 100, title: str = "") -> go.Figure:
    """Every group (row) minus every other (column) by one metric; MARK stands where q < 0.05.

    Args:
        pairs: Every pair once, as `audit.gaps.pair_differences` gives them.
        scale: 100 for percent; other metrics are shown with three digits.
        title: Of the colours.

    Raises:
        InputError: There is no pair, or there are too many groups to be read.
    """
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    if not 2 <= len(names) <= MOST_GROUPS:
        raise InputError(f"The matrix has {len(names)} groups, expected 2 to {MOST_GROUPS}; choose fewer.")
    number, spelt, labels = {name: place for place, name in enumerate(names)}, _format(scale), [_label(name) for name in names]
    differences = np.full((len(names), len(names)), np.nan)
    texts, hovers = np.full(differences.shape, "", dtype=object), np.full(differences.shape, "", dtype=object)
    for pair in pairs:
        for row, column, sign in ((pair.first, pair.second, 1), (pair.second, pair.first, -1)):
            place, low, high = (number[row], number[column]), *sorted((sign * pair.difference.low, sign * pair.difference.high))
            differences[place] = sign * pair.difference.value
            mark = MARK if pair.q_value < 1 - LEVEL else ""
            texts[place] = f"{differences[place]:+{spelt}} {mark}".strip() if len(names) <= NUMBERED else mark
            hovers[place] = f"{_label(row)} − {_label(column)}: {differences[place]:+{spelt}} [{low:{spelt}}, {high:{spelt}}], q = {pair.q_value:.3f}"
    most = float(np.nanmax(np.abs(differences))) or 1.0
    figure = go.Figure(go.Heatmap(
        z=differences, x=list(range(len(names))), y=list(range(len(names))), text=texts, texttemplate="%{text}", hovertext=hovers, hoverinfo="text",
        colorscale=SIGNED_SCALE, zmin=-most, zmax=most, xgap=1, ygap=1, hoverongaps=False, colorbar={"thickness": 12, "title": visible(title)}))
    figure.update_xaxes(**_ticks(labels), side="top", tickangle=-60 if len(names) > 6 else 0)
    figure.update_yaxes(**_ticks(labels), autorange="reversed")
    return _plain(figure, max(260, 34 * len(names) + 110))


@dataclass(frozen=True)
class ReliabilityBins:
    """How sure predictions are and how often they are right, in the bins of the expected calibration error; empty bins are left out.

    Attributes:
        places: Number of each bin (bins,), from 0 to BINS - 1.
        confidence: Mean in each bin (bins,), 0-1.
        accuracy: Share that is right (bins,), 0-1.
        low, high: Interval of the accuracy (bins,) (Wilson 1927).
        count: Rows (bins,).
    """

    places: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray


def reliability_bins(confidences: np.ndarray, correct: np.ndarray) -> ReliabilityBins:
    """Rows in BINS bins of equal width.

    Args:
        confidences: Probability of the predicted class (rows,), 0-1.
        correct: Whether the prediction is right (rows,).

    Raises:
        InputError: There is no row, or the two differ in length.
    """
    if not len(confidences) or len(confidences) != len(correct):
        raise InputError(f"There are {len(confidences)} confidences and {len(correct)} predictions; expected one of each for one row or more.")
    place = np.minimum((confidences * BINS).astype(np.int64), BINS - 1)
    counts, right, sums = (np.bincount(place, weights=weights, minlength=BINS) for weights in (None, correct, confidences))
    held = np.flatnonzero(counts)
    intervals = [binomtest(int(right[number]), int(counts[number])).proportion_ci(LEVEL, method="wilson") for number in held]
    return ReliabilityBins(held, sums[held] / counts[held], right[held] / counts[held], np.array([found.low for found in intervals]),
                           np.array([found.high for found in intervals]), counts[held].astype(np.int64))


def reliability(
    overall: ReliabilityBins, culture: ReliabilityBins | None = None, *, overall_title: str = "overall", culture_title: str = "",
    confidence_title: str = "confidence", accuracy_title: str = "accuracy", share_title: str = "share of rows",
) -> go.Figure:
    """Accuracy against confidence, of all rows and of one culture beside them, with the share of rows in each bin below; perfect is the diagonal."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.04)
    figure.add_trace(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "width": 1, "color": "gray"}, hoverinfo="skip", showlegend=False), 1, 1)
    sets = [(overall, overall_title, QUIET), *([(culture, culture_title, ACCENT)] if culture is not None else [])]
    for bins, name, colour in sets:
        label = _label(name)
        figure.add_trace(go.Scatter(
            x=bins.confidence, y=bins.accuracy, mode="lines+markers", name=label, marker={"color": colour, "size": 7}, line={"color": colour},
            error_y={"type": "data", "symmetric": False, "array": bins.high - bins.accuracy, "arrayminus": bins.accuracy - bins.low, "width": 3,
                     "thickness": 1, "color": colour},
            customdata=[[label, *values] for values in zip(bins.low, bins.high, bins.count, strict=True)],
            hovertemplate="%{customdata[0]}: %{x:.3f} → %{y:.3f} [%{customdata[1]:.3f}, %{customdata[2]:.3f}], n = %{customdata[3]}<extra></extra>"), 1, 1)
        figure.add_trace(go.Bar(
            x=(bins.places + 0.5) / BINS, y=bins.count / bins.count.sum(), marker={"color": colour}, customdata=[[label, count] for count in bins.count],
            hovertemplate="%{customdata[0]}: %{y:.1%}, n = %{customdata[1]}<extra></extra>", showlegend=False), 2, 1)
    figure.update_xaxes(range=[0, 1], zeroline=False)
    figure.update_xaxes(title=confidence_title, row=2, col=1)
    figure.update_yaxes(range=[0, 1], title=accuracy_title, zeroline=False, row=1, col=1)
    figure.update_yaxes(title=share_title, tickformat=".0%", rangemode="tozero", zeroline=False, row=2, col=1)
    figure.update_layout(legend={"orientation": "h", "yanchor": "bottom", "y": 1.02}, barmode="group")
    return _plain(figure, 460)


def words_bars(
    words: Sequence[str], log_odds: np.ndarray, z: np.ndarray, *, title: str = "log-odds", most: int = 30
) -> go.Figure:
    """Words by how much more often they stand in errors than in right rows, the strongest on top; whiskers are 95 % intervals.

    Args:
        words: Shown as they are, right-to-left ones too.
        log_odds: Of each word (words,); above 0 for errors, below 0 for right rows.
        z: Log-odds divided by their standard error (words,).
        title: Of the axis.
        most: Words shown.
    """
    order = np.argsort(-np.abs(z), kind="stable")[:most]
    order = order[np.argsort(log_odds[order], kind="stable")]
    odds, scores = np.asarray(log_odds, dtype=float)[order], np.asarray(z, dtype=float)[order]
    errors = np.abs(np.divide(odds, scores, out=np.zeros(len(odds)), where=scores != 0))
    names = [_label(words[number]) for number in order]
    figure = go.Figure(go.Bar(
        x=odds, y=list(range(len(order))), orientation="h", marker={"color": [ACCENT if value > 0 else QUIET for value in odds]},
        error_x={"type": "data", "array": 1.96 * errors, "width": 3, "thickness": 1, "color": "gray"}, customdata=list(zip(names, scores, strict=True)),
        hovertemplate="%{customdata[0]}: %{x:.2f}, z = %{customdata[1]:.1f}<extra></extra>", showlegend=False))
    figure.update_yaxes(**_ticks(names))
    figure.update_xaxes(title=title)
    return _plain(figure, max(220, 22 * len(order) + 80))


def before_after(
    groups: Sequence[RepairedGroup], metric: str, *, scale: float = 100, title: str = "", before_title: str = "before", after_title: str = "after"
) -> go.Figure:
    """A line for each culture from the metric before a repair to after it, sorted by what it was before; dotted where the change may be none.

    Args:
        groups: Those that lack the metric are left out.
        metric: Its key.
        scale: 100 for percent; other metrics are shown with three digits.
        title: Of the axis.
        before_title, after_title: In the legend.
    """
    spelt = _format(scale)
    changes = sorted(((group, group.metrics[metric]) for group in groups if metric in group.metrics), key=lambda pair: pair[1].before)
    figure = go.Figure()
    for place, (_, change) in enumerate(changes):
        unsure = change.change.low <= 0 <= change.change.high
        figure.add_shape(type="line", x0=change.before, x1=change.after, y0=place, y1=place, layer="below",
                         line={"color": QUIET, "width": 2, "dash": "dot" if unsure else "solid"})
    details = [[_label(group.group), group.count, change.change.value, change.change.low, change.change.high] for group, change in changes]
    for name, colour, symbol, values in ((before_title, QUIET, "circle-open", [change.before for _, change in changes]),
                                         (after_title, ACCENT, "circle", [change.after for _, change in changes])):
        marker = {"color": colour, "symbol": symbol, "size": 10, "line": {"width": 2, "color": colour}}
        figure.add_trace(go.Scatter(
            x=values, y=list(range(len(changes))), mode="markers", name=visible(name), marker=marker,
            customdata=details, hovertemplate=f"%{{customdata[0]}}: %{{x:{spelt}}}, %{{customdata[2]:+{spelt}}} [%{{customdata[3]:+{spelt}}}, "
                                              f"%{{customdata[4]:+{spelt}}}], n = %{{customdata[1]}}<extra></extra>"))
    figure.update_yaxes(**_ticks([f"{label}  n={count}" for label, count, *_ in details]))
    figure.update_xaxes(title=title or metric, zeroline=False)
    figure.update_layout(legend={"orientation": "h", "y": 1.08})
    return _plain(figure, max(240, 26 * len(changes) + 110))


def _label(name: str) -> str:
    """A name out of somebody's table for an axis: no markup, nothing hidden, and its direction kept apart from what stands beside it."""
    return f"\u2068{visible(shown(name))}\u2069"


def _format(scale: float) -> str:
    return ".1f" if scale == 100 else ".3f"


def _ticks(labels: Sequence[str]) -> dict[str, object]:
    return {"tickmode": "array", "tickvals": list(range(len(labels))), "ticktext": list(labels), "showgrid": False, "zeroline": False}


def _plain(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(height=height, margin={"l": 10, "r": 10, "t": 24, "b": 10}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)")
    return figure
