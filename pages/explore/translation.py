"""Text → translation, how sure the model was, where every word came from, why it said A rather than B, and how it fares by direction and culture."""

import streamlit as st

from ui.caches import active_translator
from ui.errors import shown_errors
from ui.texts import text
from ui.translation import ask, has_model, translate
from ui.translation_result import show_confidence, show_translation
from ui.translation_views import show_view

st.title(text("translation-title"))
with shown_errors():
    if not has_model():
        st.stop()
    model = active_translator()
    request = ask(model)
    if request is None:
        st.info(text("translation-empty"), icon=":material/touch_app:")
        st.stop()
    translation = translate(model, request)
    left, right = st.columns(2, gap="large")
    with left, shown_errors():
        show_translation(model, request, translation)
    with right, shown_errors():
        show_confidence(translation)
    with shown_errors():
        show_view(model, translation)
