"""Text → prediction, attributions, attention, and how this model fares in the culture the text comes from."""

import streamlit as st

from ui.caches import active_model
from ui.errors import shown_errors
from ui.sentiment import ask, predict
from ui.sentiment_views import show_view
from ui.texts import text

st.title(text("sentiment-title"))
with shown_errors():
    request = ask()
    if request is None:
        st.info(text("sentiment-empty"), icon=":material/touch_app:")
        st.stop()
    model = active_model()
    show_view(model, request, predict(model, request))
