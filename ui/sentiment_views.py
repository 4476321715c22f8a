"""The closer looks at a prediction, one at a time: only what is looked at is computed."""

from __future__ import annotations

import streamlit as st

from models import Classifier, Prediction
from ui import state
from ui.attention_panel import show_attention
from ui.culture_panel import show_culture
from ui.errors import shown_errors
from ui.explanations import show_attributions
from ui.laboratory import show_laboratory
from ui.sentiment import culture_of, show_prediction
from ui.texts import text
from ui.word_masking import show_masking

EXPLAIN, WORDS, LABORATORY = VIEWS = ("explain", "words", "laboratory")


def show_view(model: Classifier, request: state.Request, prediction: Prediction) -> None:
    """Draws the view that is chosen."""
    view = st.segmented_control(text("view-choose"), VIEWS, default=EXPLAIN, key=state.SENTIMENT_VIEW, required=True, persist_state="session",
                                format_func=lambda name: text(f"view-{name}"))
    {EXPLAIN: _explain, WORDS: _words, LABORATORY: _laboratory}[view](model, request, prediction)


def _explain(model: Classifier, request: state.Request, prediction: Prediction) -> None:
    left, right = st.columns([2, 5], gap="large")
    with left, shown_errors():
        show_prediction(model, request, prediction)
    with right, shown_errors():
        show_attributions(model, prediction)
    left, right = st.columns(2, gap="large")
    with left, shown_errors():
        show_culture(model, culture_of(request))
    with right, shown_errors():
        show_attention(model, prediction)


def _words(model: Classifier, request: state.Request, prediction: Prediction) -> None:
    with shown_errors():
        show_masking(model, prediction)


def _laboratory(model: Classifier, request: state.Request, prediction: Prediction) -> None:
    with shown_errors():
        show_laboratory(model, prediction)
