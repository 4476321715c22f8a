"""How far attention and the explanations that are there tell the same story of the words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ui.caches import job_runner
from ui.tables import csv_bytes
from ui.texts import text
from xai.attention_agreement import AttentionAgreement

LEVEL = 0.05


def show_disagreement(
    maps: Mapping[str, np.ndarray], attributions: Mapping[str, Any], compare: Callable[[np.ndarray, Any], AttentionAgreement], *, nothing: str
) -> None:
    """Kendall's tau of every map with every explanation, one sentence of reading, and all measures as a file.

    Args:
        maps: Shares of attention as `compare` takes them, by their name in words.
        attributions: What is there of the methods, by method.
        compare: Compares one with the other.
        nothing: What is said where no explanation is there.
    """
    st.markdown(f"**{text('laboratory-disagreement')}**", help=text("laboratory-disagreement-help"))
    if not attributions:
        st.caption(nothing)
        return
    found = {(name, method): _compared(weights, attribution, compare) for name, weights in maps.items() for method, attribution in attributions.items()}
    shown = pd.DataFrame([{text("translation-method"): text(f"method-{method}"), **{name: found[name, method].kendall_tau for name in maps}}
                          for method in attributions])
    st.dataframe(shown.round(2), hide_index=True, key="laboratory_agreement")
    agree = sum(one.kendall_tau > 0 and one.p_value <= LEVEL for one in found.values())
    st.caption(text("laboratory-disagreement-reading", agree=agree, total=len(found)))
    table = pd.DataFrame([{"attention": name, "method": method, **asdict(one)} for (name, method), one in found.items()])
    with st.expander(text("laboratory-disagreement-table")):
        st.dataframe(table.round(4), hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, table), "agreement.csv", "text/csv", icon=":material/download:", key="agreement_csv")


def _compared(weights: np.ndarray, attribution: Any, compare: Callable[[np.ndarray, Any], AttentionAgreement]) -> AttentionAgreement:
    """Kept, since the part is drawn anew at every click."""
    scores = attribution.scores if hasattr(attribution, "scores") else attribution.source_scores
    key = hashlib.sha256(b"agreement" + weights.tobytes() + scores.tobytes()).hexdigest()
    found: AttentionAgreement = job_runner().remember(key, lambda: compare(weights, attribution))
    return found
