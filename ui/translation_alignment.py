"""Which source words each word of the translation came from: where the decoder looked, and what moved its answer, side by side."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from models import Translation, Translator
from models.tokens import TokenizedText
from ui import state
from ui.caches import job_runner
from ui.link_rows import show_links
from ui.tables import csv_bytes
from ui.texts import text
from ui.token_row import direction
from ui.translation import translation_key
from ui.translation_attribution import ATTENTION, attribution_of, choose_method, choose_words, explained, show_attribution, show_translation_trust, trust
from ui.trust import badges_of
from xai import cross_attention
from xai.cross_attention import CrossAttentionMap
from xai.figures import MAX_TOKENS
from xai.sequence_attribution import SequenceAttribution
from xai.translation_figures import pair_heatmap
from xai.word_alignment import align, best_layer

BEST, ALL = "best", "all"
ATTRIBUTION = "attribution"


def show_alignment(model: Translator, translation: Translation) -> None:
    """Two lines of linked words, two heat maps, and the links as a table."""
    st.caption(text("alignment-caution"))
    attention = attention_of(model, translation)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = choose_method()
        words = choose_words()
        shown = attention.words() if words else attention
        layer, head = _choose_map(shown)
    found = attribution_of(model, translation, method)
    attribution = found if found is None or not words else found.words()
    weights = shown.select(layer=layer, head=head)
    _lines(shown, weights, attribution)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{text('method-cross_attention')}**  ·  :gray[{_place(layer, head)}]")
        _heat_map(weights, shown.source, shown.target, signed=False, key="cross_attention_map")
        st.caption(text("alignment-special", share=f"{1 - weights.sum(1).mean():.0%}"))
    with right:
        show_attribution(model, translation, method, partial(_attribution_map, words=words, badges=badges_of(explained(model, translation)[0]).get(method, "")))
    longest = max(len(shown.source_tokens), len(shown.target_tokens))
    if longest > MAX_TOKENS:
        st.caption(text("attention-cut", shown=MAX_TOKENS, total=longest))
    _links(shown, weights, attribution)
    show_translation_trust(model, translation)


def attention_of(model: Translator, translation: Translation) -> CrossAttentionMap:
    """The attention by which exactly this translation is written; one pass through the model."""
    languages = {"source_language": translation.source_language, "target_language": translation.target_language}
    key = translation_key(model, f"{ATTENTION}-maps", translation.source.text, **languages, hypothesis=translation.hypothesis)
    found: CrossAttentionMap = job_runner().remember(
        key, lambda: cross_attention.maps(model, translation.source.text, translation.hypothesis, **languages))
    return found


def links_table(attention: CrossAttentionMap, weights: np.ndarray, attribution: SequenceAttribution | None) -> pd.DataFrame:
    """One row a link that attention or attribution makes, with the amounts of both; words are numbered from 1 in reading order."""
    by_attention = set(align(weights))
    by_attribution = set() if attribution is None else set(align(attribution.source_scores))
    rows = []
    for source, target in sorted(by_attention | by_attribution, key=lambda link: (link[1], link[0])):
        row = {"target": target + 1, "target_word": attention.target_tokens[target], "source": source + 1, "source_word": attention.source_tokens[source],
               "attention_link": (source, target) in by_attention, "attention": float(weights[target, source])}
        if attribution is not None:
            row |= {"attribution_link": (source, target) in by_attribution, "attribution": float(attribution.source_scores[target, source])}
        rows.append(row)
    return pd.DataFrame(rows).round(4)


def pairs_table(attention: CrossAttentionMap, weights: np.ndarray, attribution: SequenceAttribution | None) -> pd.DataFrame:
    """Every pair of a target and a source word with all that is known of it."""
    targets, sources = np.indices(weights.shape)
    table = pd.DataFrame({
        "target": targets.ravel() + 1, "target_word": [attention.target_tokens[number] for number in targets.ravel()],
        "source": sources.ravel() + 1, "source_word": [attention.source_tokens[number] for number in sources.ravel()], "attention": weights.ravel(),
    })
    if attribution is not None:
        table[attribution.method] = attribution.source_scores.ravel()
    return table


def _choose_map(attention: CrossAttentionMap) -> tuple[int, int | None]:
    """The layer and head chosen, numbers from 0; None is the mean over heads."""
    layers, heads = attention.weights.shape[:2]
    best = best_layer(attention.weights)
    options = [BEST, *range(layers)]
    st.session_state.setdefault(state.CROSS_LAYER, BEST)
    st.session_state.setdefault(state.CROSS_HEAD, ALL)
    for key, count in ((state.CROSS_LAYER, layers), (state.CROSS_HEAD, heads)):
        if isinstance(st.session_state[key], int) and st.session_state[key] >= count:
            st.session_state[key] = BEST if key == state.CROSS_LAYER else ALL  # another model with less
    layer = st.selectbox(text("attention-layer"), options, key=state.CROSS_LAYER, width=200, persist_state="session",
                         format_func=lambda value: text("alignment-best", n=best + 1) if value == BEST else text("attention-layer-n", n=value + 1))
    head = st.selectbox(text("attention-head"), [ALL, *range(heads)], key=state.CROSS_HEAD, width=200, persist_state="session",
                        format_func=lambda value: text("attention-mean") if value == ALL else text("attention-head-n", n=value + 1))
    return best if layer == BEST else int(layer), None if head == ALL else int(head)


def _place(layer: int, head: int | None) -> str:
    return f"{text('attention-layer-n', n=layer + 1)} · {text('attention-mean') if head is None else text('attention-head-n', n=head + 1)}"


def _lines(attention: CrossAttentionMap, weights: np.ndarray, attribution: SequenceAttribution | None) -> None:
    by = st.segmented_control(text("alignment-lines"), [ATTRIBUTION, ATTENTION], default=ATTRIBUTION, key=state.LINKS_BY, required=True,
                              persist_state="session", format_func=lambda name: text(f"alignment-by-{name}"))
    moved = attribution if by == ATTRIBUTION else None
    show_links((attention.source.text, attention.source_tokens), (attention.target.text, attention.target_tokens),
               weights if moved is None else moved.source_scores, None if moved is None else moved.prefix_scores, signed=moved is not None,
               labels=(text("alignment-source"), text("alignment-target")), key="translation_links")
    st.caption(text("alignment-lines-attention") if moved is None else text("alignment-lines-signed"))


def _heat_map(matrix: np.ndarray, source: TokenizedText, target: TokenizedText, *, signed: bool, key: str) -> None:
    figure = pair_heatmap(matrix, source.tokens, target.tokens, signed=signed, source_title=text("alignment-source"),
                          target_title=text("alignment-target"), right_to_left=direction(source.text) == "rtl")
    st.plotly_chart(figure, theme="streamlit", width="stretch", config={"displaylogo": False}, key=key)


def _attribution_map(found: SequenceAttribution, *, words: bool, badges: str) -> None:
    shown = found.words() if words else found
    st.markdown(f"**{text('method-' + found.method)}**  ·  :gray[{trust(found)}]")
    if badges:
        st.markdown(badges)
    _heat_map(shown.source_scores, shown.source, shown.target, signed=True, key="attribution_map")
    st.caption(text("alignment-scores"))


def _links(attention: CrossAttentionMap, weights: np.ndarray, attribution: SequenceAttribution | None) -> None:
    with st.expander(text("alignment-links"), expanded=True):
        st.caption(text("alignment-links-help"))
        links = links_table(attention, weights, attribution)
        st.dataframe(links, hide_index=True)
        with st.container(horizontal=True):
            st.download_button(text("alignment-links-csv"), partial(csv_bytes, links), "links.csv", "text/csv", icon=":material/download:", key="links_csv")
            st.download_button(text("alignment-pairs-csv"), lambda: csv_bytes(pairs_table(attention, weights, attribution)), "alignment.csv", "text/csv",
                               icon=":material/download:", key="alignment_csv")
