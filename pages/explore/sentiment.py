"""Text → prediction, attributions, attention, and how this model fares in the culture the text comes from."""

import streamlit as st

from ui.attention_panel import show_attention
from ui.caches import active_model
from ui.culture_panel import show_culture
from ui.errors import shown_errors
from ui.explanations import show_attributions
from ui.sentiment import ask, culture_of, predict, show_prediction
from ui.texts import text

st.title(text("sentiment-title"))
with shown_errors():
    request = ask()
    if request is None:
        st.info(text("sentiment-empty"), icon=":material/touch_app:")
        st.stop()
    model = active_model()
    prediction = predict(model, request)
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
