"""The closer looks at a translation, one at a time: only what is looked at is computed."""

from __future__ import annotations

import streamlit as st

from models import Translation, Translator
from ui import state
from ui.texts import text
from ui.translation_alignment import show_alignment
from ui.translation_contrast import show_contrast
from ui.translation_cultures import show_cultures
from ui.translation_laboratory import show_laboratory
from ui.translation_prefix import show_prefix
from ui.word_masking import show_source_masking

ALIGNMENT, PREFIX, CONTRAST, WORDS, LABORATORY, FARES = VIEWS = ("alignment", "prefix", "contrast", "words", "laboratory", "fares")
DRAW = {ALIGNMENT: show_alignment, PREFIX: show_prefix, CONTRAST: show_contrast, WORDS: show_source_masking, LABORATORY: show_laboratory}


def show_view(model: Translator, translation: Translation) -> None:
    """Draws the view that is chosen."""
    view = st.segmented_control(text("view-choose"), VIEWS, default=ALIGNMENT, key=state.TRANSLATION_VIEW, required=True, persist_state="session",
                                format_func=lambda name: text(f"view-{name}"))
    if view == FARES:
        show_cultures(model, translation.source_language, translation.target_language)
    elif not translation.tokens:
        st.caption(text("translation-nothing"))
    else:
        DRAW[view](model, translation)
