"""Plotly figures of attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from models.errors import InputError

if TYPE_CHECKING:
    from xai.attention import AttentionMap

MAX_TOKENS = 64  # places of a map that can still be read
NAMED_COLUMNS = 32  # with more, names over the columns run into each other; they are those of the rows
# Light to dark in both themes, readable without telling red from green (ColorBrewer Purples).
SCALE = [[0.0, "#fcfbfd"], [0.15, "#dadaeb"], [0.4, "#9e9ac8"], [0.7, "#6a51a3"], [1.0, "#3f007d"]]


def attention_heatmap(
    attention: AttentionMap, *, layer: int | None, head: int | None, query_title: str = "query", key_title: str = "key"
) -> go.Figure:
    """One attention map; rows look at columns.

    Args:
        attention: The maps of a text.
        layer: Number from 0, or None for the rollout through all layers.
        head: Number from 0, or None for the mean over the heads.

    Raises:
        InputError: The layer or head does not exist.
    """
    weights = select(attention, layer=layer, head=head)
    count = min(len(attention.tokens), MAX_TOKENS)
    labels = [visible(token) for token in attention.tokens[:count]]
    places = list(range(count))
    hover = [[f"{labels[query]} → {labels[key]}" for key in places] for query in places]
    figure = go.Figure(
        go.Heatmap(
            z=np.round(weights[:count, :count], 4).astype(np.float32), x=places, y=places, colorscale=SCALE, zmin=0, text=hover,
            hovertemplate="%{text}<br>%{z:.3f}<extra></extra>", xgap=1, ygap=1, colorbar={"thickness": 12, "title": ""},
        )
    )
    ticks = {"tickmode": "array", "tickvals": places, "ticktext": labels, "showgrid": False, "zeroline": False}
    figure.update_xaxes(**ticks, tickangle=-60 if count > 8 else 0, showticklabels=count <= NAMED_COLUMNS, title=key_title, side="top")
    figure.update_yaxes(**ticks, autorange="reversed", title=query_title, scaleanchor=None)
    size = max(320, 24 * count + 160)
    figure.update_layout(height=min(size, 900), margin={"l": 10, "r": 10, "t": 10, "b": 10}, paper_bgcolor="rgba(0,0,0,0)",
                         plot_bgcolor="rgba(0,0,0,0)", font={"size": 13 if count <= NAMED_COLUMNS else 10})
    return figure


def select(attention: AttentionMap, *, layer: int | None, head: int | None) -> np.ndarray:
    """The chosen map (query, key): the rollout, the mean of a layer's heads, or one head.

    Raises:
        InputError: The layer or head does not exist.
    """
    if layer is None:
        return attention.rollout()
    layers, heads = attention.weights.shape[:2]
    if not 0 <= layer < layers:
        raise InputError(f"There is no layer {layer}; the model has layers 0 to {layers - 1}.")
    if head is None:
        return np.asarray(attention.weights[layer].mean(0))
    if not 0 <= head < heads:
        raise InputError(f"There is no head {head}; the model has heads 0 to {heads - 1}.")
    return np.asarray(attention.weights[layer, head])


def heads_overview(attention: AttentionMap, layer_title: str = "layer", head_title: str = "head") -> go.Figure:
    """How focused each head is: mean entropy of its rows as a share of the greatest possible (layers × heads).

    0 is a head that looks at one token, 1 one that looks at all alike.
    """
    weights = np.clip(attention.weights.astype(np.float64), 1e-12, 1)
    entropy = -(weights * np.log(weights)).sum(-1).mean(-1) / max(np.log(weights.shape[-1]), 1e-12)
    layers, heads = entropy.shape
    figure = go.Figure(
        go.Heatmap(z=entropy, x=list(range(heads)), y=list(range(layers)), colorscale=SCALE, zmin=0, zmax=1, texttemplate="%{z:.2f}",
                   xgap=2, ygap=2, hovertemplate=f"{layer_title} %{{y}}, {head_title} %{{x}}: %{{z:.2f}}<extra></extra>", showscale=False)
    )
    figure.update_xaxes(tickmode="array", tickvals=list(range(heads)), ticktext=_numbers(head_title, heads), showgrid=False)
    figure.update_yaxes(tickmode="array", tickvals=list(range(layers)), ticktext=_numbers(layer_title, layers), autorange="reversed", showgrid=False)
    figure.update_layout(height=90 + 42 * layers, margin={"l": 10, "r": 10, "t": 10, "b": 10}, paper_bgcolor="rgba(0,0,0,0)",
                         plot_bgcolor="rgba(0,0,0,0)")
    return figure


def visible(token: str) -> str:
    """A token as a plain axis label: Plotly reads a few HTML tags in labels, so `<` and `&` are escaped."""
    return token.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _numbers(title: str, count: int) -> Sequence[str]:
    return [f"{title} {number + 1}" for number in range(count)]
