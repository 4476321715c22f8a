"""The attention panel: layer, head or rollout on readable tokens."""

from __future__ import annotations

import hashlib
from functools import partial

import pandas as pd
import streamlit as st

from models import Classifier, Prediction
from ui import state
from ui.caches import job_runner
from ui.tables import csv_bytes
from ui.texts import text
from xai import attention
from xai.attention import AttentionMap
from xai.figures import MAX_TOKENS, attention_heatmap, heads_overview, select

ROLLOUT = "rollout"
MEAN = "mean"


def show_attention(model: Classifier, prediction: Prediction) -> None:
    """Draws one map with its choosers, and how focused every head is."""
    st.subheader(text("attention-title"))
    st.caption(text("attention-caution"))
    key = hashlib.sha256(f"attention {model.fingerprint} {prediction.text}".encode()).hexdigest()
    found: AttentionMap = job_runner().remember(key, lambda: attention.maps(model, prediction.text))
    st.fragment(_panel)(found)


def _panel(found: AttentionMap) -> None:
    layers, heads = found.weights.shape[:2]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = st.selectbox(text("attention-layer"), [ROLLOUT, *range(layers)], key=state.LAYER, width=200,
                             format_func=lambda value: text("attention-rollout") if value == ROLLOUT else text("attention-layer-n", n=value + 1))
        head = st.selectbox(text("attention-head"), [MEAN, *range(heads)], key=state.HEAD, width=200, disabled=layer == ROLLOUT,
                            format_func=lambda value: text("attention-mean") if value == MEAN else text("attention-head-n", n=value + 1))
        words = st.toggle(text("why-words"), value=True, key=state.MAP_WORDS)
    shown = found.words() if words else found
    if len(shown.tokens) > MAX_TOKENS:
        st.caption(text("attention-cut", shown=MAX_TOKENS, total=len(shown.tokens)))
    chosen = {"layer": None if layer == ROLLOUT else int(layer), "head": None if head == MEAN else int(head)}
    figure = attention_heatmap(shown, **chosen, query_title=text("attention-query"), key_title=text("attention-key"))
    st.plotly_chart(figure, theme="streamlit", width="stretch", config={"displaylogo": False}, key="attention_map")
    with st.expander(text("attention-heads")):
        st.caption(text("attention-heads-help"))
        overview = heads_overview(shown, text("attention-layer"), text("attention-head"))
        st.plotly_chart(overview, theme="streamlit", width="stretch", config={"displayModeBar": False}, key="attention_heads")
    columns = [f"{number + 1} {token}" for number, token in enumerate(shown.tokens)]
    table = pd.DataFrame(select(shown, **chosen), columns=columns)
    table.insert(0, "token", list(shown.tokens))
    st.download_button(text("download-csv"), partial(csv_bytes, table), "attention.csv", "text/csv", icon=":material/download:", key="attention_csv")
