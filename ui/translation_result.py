"""The translation itself: its text, how sure the model was of every token, what else it considered, and what a reader must know."""

from __future__ import annotations

import math

import streamlit as st

from models import Translation, Translator
from models.data.language import language_reason
from models.text import hidden_characters, visible_marks
from ui import state
from ui.texts import text
from ui.token_row import doubt_data, draw_row
from ui.translation import probe, request_translation, source_languages, target_languages
from ui.words import LANGUAGES, language_name, plain

SHOWN_AROUND = (20, 80)  # characters before and behind the place where a text was cut


def show_translation(model: Translator, request: state.TranslationRequest, translation: Translation) -> None:
    """The translation with its notes, and a button that translates it back."""
    st.subheader(text("translation-result", language=plain(language_name(translation.target_language))))
    if not translation.hypothesis:
        st.warning(text("translation-nothing"), icon=":material/help:")
        return
    with st.container(border=True):
        st.text(visible_marks(translation.hypothesis))
    _faults(translation)
    _source_notes(model, translation)
    back = (translation.target_language, translation.source_language)
    if back[0] in source_languages(model) and back[1] in target_languages(model, back[0]):
        st.button(text("translation-back"), key="translation_back", on_click=request_translation, args=(translation.hypothesis, *back),
                  icon=":material/undo:")
    known = next((s for s in probe() if (s.source, s.target_language) == (request.text, request.target_language)), None)
    if known is not None:
        st.caption(text("translation-reference", tags=", ".join(text(f"phenomenon-{tag}") for tag in known.phenomena)))
        st.text(known.reference)
        if known.note:
            st.caption(plain(known.note))


def show_confidence(translation: Translation) -> None:
    """One row of tokens with their probability, and the other hypotheses of the beam."""
    st.subheader(text("confidence-title"))
    if translation.tokens:
        data = doubt_data(translation.hypothesis, translation.tokens, translation.token_logprobs, label=text("confidence-title"))
        draw_row(data, key="translation_confidence")
    st.caption(text("confidence-scale", end=f"{math.exp(translation.end_logprob):.2f}"))
    st.markdown(f"**{text('alternatives-title')}**", help=text("alternatives-help"))
    for number, (hypothesis, score) in enumerate([(translation.hypothesis, translation.score), *((a.hypothesis, a.score) for a in translation.alternatives)]):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{number + 1} · {text('alternatives-score', score=f'{score:.3f}', share=f'{math.exp(score):.2f}')}", width="content")
            st.text(visible_marks(hypothesis) or text("translation-nothing"))


def _faults(translation: Translation) -> None:
    """How this translation fails, where it does so in a way that can be seen without the reader's knowing both languages."""
    if translation.repeated is not None:
        start, end = translation.repeated
        st.warning(text("translation-repeated"), icon=":material/repeat:")
        st.text(_around(translation.hypothesis, start, end))
    if translation.unfinished:
        st.warning(text("translation-unfinished", count=len(translation.tokens)), icon=":material/more_horiz:")


def _source_notes(model: Translator, translation: Translation) -> None:
    """What a reader must know about the source: what was cut, what is hidden, and whether it is what the model was told."""
    source = translation.source
    if source.truncated_at is not None:
        place, (before, behind) = source.truncated_at, SHOWN_AROUND
        st.warning(text("translation-cut", seen=place, cut=len(source.text) - place, limit=model.max_length), icon=":material/content_cut:")
        st.text("…" + visible_marks(source.text[max(0, place - before) : place]) + " ✂ " + visible_marks(source.text[place : place + behind]) + "…")
    hidden = hidden_characters(source.text)
    if hidden:
        st.warning(text("prediction-hidden", marks=", ".join(dict.fromkeys(hidden))), icon=":material/visibility_off:")
    if translation.source_language in LANGUAGES and language_reason(source.text, translation.source_language):
        st.warning(text("translation-other-language", language=plain(language_name(translation.source_language))), icon=":material/help:")
    spelt = sum(len(places) for places in source.positions if len(places) > 1)
    if spelt > len(source.input_ids) / 2:
        st.warning(text("translation-unknown-script"), icon=":material/help:")


def _around(content: str, start: int, end: int) -> str:
    """A stretch of a text with a little of what stands before and behind it."""
    cut = content[start:end] if end - start <= SHOWN_AROUND[1] else content[start : start + SHOWN_AROUND[1]] + "…"
    return visible_marks(f"{content[max(0, start - SHOWN_AROUND[0]) : start]}【{cut}】{content[end : end + SHOWN_AROUND[0]]}")
