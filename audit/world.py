"""A map of the world for cultures that are regions; the shapes lie in data/world, so that it is drawn without a network."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from langcodes import Language, LanguageTagError
from plotly.colors import sample_colorscale

from audit.figures import Group
from xai.figures import visible

SHAPES = Path(__file__).resolve().parents[1] / "data" / "world" / "countries.geojson"
SCALE = ["#fdb863", "#f7f7f7", "#5e3c99"]  # orange is the worse end, told apart without red and green


def regions(names: Sequence[str]) -> dict[str, str]:
    """The ISO 3166-1 alpha-2 code of each culture; empty unless every one is a region and no two are the same.

    Args:
        names: Locale tags with a region (zh-CN), or codes in capitals (CN; NA is Namibia). In small letters two are a language.
    """
    codes = {name: _region(name) for name in names}
    known = {name: code for name, code in codes.items() if code}
    return known if len(known) == len(codes) == len(set(known.values())) else {}


def _region(name: str) -> str:
    if len(name) == 2 and name.isupper():
        name = f"und-{name}"
    try:
        code = Language.get(name).territory or ""
    except LanguageTagError:
        return ""
    return code if len(code) == 2 else ""


def unmapped(names: Sequence[str]) -> list[str]:
    """Those of these cultures, all regions, that are too small to be drawn."""
    codes = regions(names)
    return [name for name in names if codes[name] not in _shapes()]


def world_map(groups: Sequence[Group], metric: str, *, title: str, scale: float, higher_is_better: bool) -> go.Figure:
    """Each culture's region shaded by a metric, from the worst to the best of them.

    Args:
        groups: All are regions and have the metric.
        metric: Its key.
        title: Of the scale.
        scale: 100 for percent; other metrics are told with three digits.
        higher_is_better: Which end is the best.
    """
    codes = regions([group.group for group in groups])
    drawn = [group for group in groups if codes[group.group] in _shapes()]
    values = [group.metrics[metric].value for group in drawn]
    low, high = min(values, default=0), max(values, default=1)
    colours = SCALE if higher_is_better else SCALE[::-1]
    shaded = sample_colorscale(colours, [(value - low) / (high - low) if high > low else 0.5 for value in values])
    mapped = {codes[group.group] for group in drawn}
    figure = go.Figure([_outline([code for code in _shapes() if code not in mapped], "#d9d9d9")])
    for group, colour in zip(drawn, shaded, strict=True):
        figure.add_trace(_outline([codes[group.group]], colour, _told(group, metric, ".1f" if scale == 100 else ".3f")))
    figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", hoverinfo="skip", marker={
        "color": [low], "cmin": low, "cmax": high, "colorscale": colours, "showscale": True, "colorbar": {"thickness": 12, "title": visible(title)}}))
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x", range=[-1.05, 1.32])
    figure.update_layout(height=420, margin={"l": 0, "r": 0, "t": 10, "b": 0}, showlegend=False, hovermode="closest", paper_bgcolor="rgba(0,0,0,0)",
                         plot_bgcolor="rgba(0,0,0,0)")
    return figure


def _told(group: Group, metric: str, spelt: str) -> str:
    value = group.metrics[metric]
    return f"{visible(group.group)}: {value.value:{spelt}} [{value.low:{spelt}}, {value.high:{spelt}}], n = {group.count}"


def _outline(codes: Sequence[str], colour: str, told: str = "") -> go.Scatter:
    """Regions as filled outlines: a map of Plotly's own would fetch its base from a server, even where none of it is shown."""
    rings = [ring for code in codes for ring in _shapes()[code]]
    points = np.concatenate([np.vstack([ring, [np.nan, np.nan]]) for ring in rings]) if rings else np.zeros((0, 2))
    return go.Scatter(x=points[:, 0].round(4), y=points[:, 1].round(4), mode="lines", fill="toself", fillcolor=colour,
                      line={"width": 0.6, "color": "#5a5a5a" if told else "#ffffff"},
                      text=told, hoveron="fills", hoverinfo="text" if told else "skip")


@functools.cache
def _shapes() -> dict[str, list[np.ndarray]]:
    """Rings (points, 2) of each region by its code, projected; those of holes run the other way round and so stay empty."""
    features = json.loads(SHAPES.read_text(encoding="utf-8"))["features"]
    return {feature["id"]: [_project(np.asarray(ring, dtype=float)) for polygon in feature["geometry"]["coordinates"] for ring in polygon]
            for feature in features}


def _project(points: np.ndarray) -> np.ndarray:
    """Longitudes and latitudes in degrees (points, 2) in Equal Earth, which keeps areas (Šavrič, Patterson & Jenny 2018)."""
    longitude, latitude = np.radians(points).T
    angle = np.arcsin(np.sqrt(3) / 2 * np.sin(latitude))
    slope = 1.340264 - 3 * 0.081106 * angle**2 + angle**6 * (7 * 0.000893 + 9 * 0.003796 * angle**2)
    height = angle * (1.340264 - 0.081106 * angle**2 + angle**6 * (0.000893 + 0.003796 * angle**2))
    return np.stack([2 * np.sqrt(3) / 3 * longitude * np.cos(angle) / slope, height], axis=1)
