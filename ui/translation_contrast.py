"""Why the model says A rather than B: the reader edits the translation, and sees how likely both are and what favours one over the other."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from models import Translation, Translator
from models.progress import Progress
from models.text import MAX_CHARACTERS, check_text, visible_marks
from models.tokens import TokenizedText
from ui import state
from ui.caches import job_runner
from ui.tables import csv_bytes
from ui.texts import text
from ui.token_row import doubt_data, draw_row, signed_data
from ui.translation import translation_key
from ui.translation_attribution import choose_method, choose_words, show_translation_job
from xai.contrast import ContrastAttribution, ContrastStretch, contrast
from xai.sequence_attribution import membership

BEGINNING_SHOWN = 60  # characters shown of what both translations begin with


def show_contrast(model: Translator, translation: Translation) -> None:
    """The edit field, both translations scored, and every place where they differ."""
    st.caption(text("contrast-caution"))
    st.session_state.setdefault(state.TRANSLATION_EDITED, translation.hypothesis)
    st.text_area(text("contrast-edit"), key=state.TRANSLATION_EDITED, height=80, max_chars=MAX_CHARACTERS, persist_state="session")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = choose_method()
        words = choose_words()
        st.button(text("contrast-compare"), key="contrast_compare", type="primary", on_click=_compare, icon=":material/compare_arrows:")
    edited = st.session_state.get(state.TRANSLATION_COMPARED)
    if edited is None:
        st.info(text("contrast-empty"), icon=":material/edit:")
        return
    edited = check_text(edited).strip()
    other = score_typed(model, translation, edited)
    _scores(translation, other)
    if other.hypothesis == translation.hypothesis:
        st.info(text("contrast-same"))
        return
    key = translation_key(model, f"contrast-{method}", translation.source.text, translation.source_language, translation.target_language,
                          hypothesis=translation.hypothesis, edited=edited)
    show_translation_job(key, partial(_contrast, model, translation, edited, method), partial(_stretches, words=words))


def score_typed(model: Translator, translation: Translation, typed: str) -> Translation:
    """How likely the model finds a translation that somebody typed; one pass through the model.

    Raises:
        InputError: It has nothing to read.
    """
    languages = (translation.source_language, translation.target_language)
    key = translation_key(model, "score", translation.source.text, *languages, hypothesis=typed)
    scored: Translation = job_runner().remember(key, lambda: model.score([translation.source.text], [typed], *languages)[0])
    return scored


def _compare() -> None:
    job_runner().forget_failed()
    st.session_state[state.TRANSLATION_COMPARED] = st.session_state.get(state.TRANSLATION_EDITED, "")


def _contrast(model: Translator, translation: Translation, edited: str, method: str, progress: Progress) -> ContrastAttribution:
    return contrast(model, translation.source.text, translation.hypothesis, edited, method, source_language=translation.source_language,
                    target_language=translation.target_language, progress=progress)


def _scores(translation: Translation, other: Translation) -> None:
    """Both translations with their scores, and the typed one token by token."""
    for column, letter, scored in zip(st.columns(2, gap="large"), "AB", (translation, other), strict=True):
        with column, st.container(border=True, height="stretch"):
            whole = sum(scored.token_logprobs) + scored.end_logprob
            st.markdown(f"**{letter}** · {text('contrast-score', whole=f'{whole:.3f}', mean=f'{scored.score:.3f}', share=f'{math.exp(scored.score):.2f}')}")
            data = doubt_data(scored.hypothesis, scored.tokens, scored.token_logprobs, label=f"{letter}: {text('confidence-title')}")
            draw_row(data, key=f"contrast_confidence_{letter}")
            if scored.target.truncated_at is not None:
                st.warning(text("contrast-cut", cut=len(scored.hypothesis) - scored.target.truncated_at), icon=":material/content_cut:")


def _stretches(found: ContrastAttribution, *, words: bool) -> None:
    if not found.stretches:
        st.info(text("contrast-same"))
        return
    st.markdown(f"**{text('contrast-whole')}** {likelier(found.difference)}  ·  "
                f":gray[{text('why-cost', evaluations=found.evaluations, seconds=f'{found.seconds:.2f}')}]")
    for number, stretch in enumerate(found.stretches):
        with st.container(border=True):
            _stretch(found, stretch, number, words)
    st.caption(text("contrast-scale"))
    table = stretches_table(found)
    with st.expander(text("contrast-table")):
        st.dataframe(table, hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, table), "contrast.csv", "text/csv", icon=":material/download:", key="contrast_csv")


def _stretch(found: ContrastAttribution, stretch: ContrastStretch, number: int, words: bool) -> None:
    beginning = visible_marks(found.target_a.text[: stretch.span_a[0]])[-BEGINNING_SHOWN:]
    if beginning:
        st.caption(text("contrast-behind"))
        st.text(f"{beginning} …")
    for letter, said, logprob in (("A", stretch.text_a, stretch.logprob_a), ("B", stretch.text_b, stretch.logprob_b)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{letter}** · {text('contrast-logprob', logprob=f'{logprob:.3f}')}", width="content")
            st.text(visible_marks(said) or text("contrast-end"))
    st.markdown(f"**{likelier(stretch.difference)}**")
    source, prefix = (found.source.tokens, stretch.source_scores), (stretch.prefix_tokens, stretch.prefix_scores)
    if words:
        source = _by_word(found.source, found.source.word_ids, stretch.source_scores)
        prefix = _by_word(found.target_a, found.target_a.word_ids[: len(stretch.prefix_tokens)], stretch.prefix_scores)
    scale = float(max(np.abs(source[1]).max(initial=0.0), np.abs(prefix[1]).max(initial=0.0)))
    st.caption(text("contrast-source"))
    draw_row(signed_data(found.source.text, *source, scale=scale, label=text("contrast-source"), cut=found.source.truncated_at),
             key=f"contrast_source_{number}")
    if prefix[0]:
        st.caption(text("contrast-prefix"))
        draw_row(signed_data(found.target_a.text, *prefix, scale=scale, label=text("contrast-prefix")), key=f"contrast_prefix_{number}")


def _by_word(said: TokenizedText, word_ids: tuple[int, ...], scores: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The words of the first tokens of a text, and the sums of their scores."""
    if not word_ids:
        return (), scores
    spans = [[span for span, own in zip(said.offsets, word_ids, strict=False) if own == word] for word in range(max(word_ids) + 1)]
    return tuple(said.text[span[0][0] : span[-1][1]] for span in spans), membership(word_ids) @ scores


def stretches_table(found: ContrastAttribution) -> pd.DataFrame:
    """One row a token and stretch: what it favours, in nats."""
    rows = []
    for number, stretch in enumerate(found.stretches, 1):
        shared = {"stretch": number, "a": stretch.text_a, "b": stretch.text_b, "logprob_a": stretch.logprob_a, "logprob_b": stretch.logprob_b}
        rows += [{**shared, "side": side, "token": token, "favours_a": float(score)}
                 for side, tokens, scores in (("source", found.source.tokens, stretch.source_scores), ("prefix", stretch.prefix_tokens, stretch.prefix_scores))
                 for token, score in zip(tokens, scores, strict=True)]
    return pd.DataFrame(rows).round(4)


def likelier(difference: float) -> str:
    """Which of the two is likelier and how many times, for a difference of log-probabilities in nats."""
    ratio = math.exp(min(abs(difference), 700.0))
    values = {"difference": f"{difference:+.3f}", "ratio": f"{ratio:,.1f}" if ratio < 1e6 else f"{ratio:.0e}"}
    return text("contrast-a-likelier", **values) if difference >= 0 else text("contrast-b-likelier", **values)
