"""What each word of a translation took from the source and what from the translation's own beginning, and which source words speak for no word."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from models import Translation, Translator
from ui.tables import csv_bytes
from ui.texts import text
from ui.token_row import direction
from ui.translation_attribution import choose_method, choose_words, show_attribution, show_translation_trust, trust
from ui.words import plain
from xai.contributions import Contributions, contributions
from xai.figures import MAX_TOKENS
from xai.sequence_attribution import SequenceAttribution
from xai.translation_figures import share_bars


def show_prefix(model: Translator, translation: Translation) -> None:
    """Chooses the method and draws the shares it finds."""
    st.caption(text("prefix-caution"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = choose_method()
        words = choose_words()
    show_attribution(model, translation, method, partial(_shares, words=words))
    show_translation_trust(model, translation)


def _shares(found: SequenceAttribution, *, words: bool) -> None:
    shares = contributions(found.words() if words else found)
    st.markdown(f"**{text('method-' + found.method)}**  ·  :gray[{trust(found)}]")
    figure = share_bars(shares.source_shares, shares.target_tokens, shares.ignores_source.tolist(), threshold=None,
                        source_title=text("prefix-source"), prefix_title=text("prefix-prefix"), axis_title=text("prefix-axis"),
                        right_to_left=direction(found.hypothesis) == "rtl")
    st.plotly_chart(figure, theme="streamlit", width="stretch", config={"displaylogo": False}, key="prefix_bars")
    if len(shares.target_tokens) > MAX_TOKENS:
        st.caption(text("attention-cut", shown=MAX_TOKENS, total=len(shares.target_tokens)))
    left, right = st.columns(2, gap="large")
    with left:
        _ignoring(shares)
    with right:
        _untouched(shares)
    _tables(shares)


def _ignoring(shares: Contributions) -> None:
    """The words that the source does not speak for, each with its support."""
    st.markdown(f"**{text('prefix-ignoring')}**")
    threshold = f"{shares.threshold:.0%}"
    flagged = [f"{plain(token)} ({support:.0%})" for token, support, flag in
               zip(shares.target_tokens, shares.support, shares.ignores_source, strict=True) if flag]
    if not shares.warns:
        st.markdown(text("prefix-cannot-tell"))
    elif flagged:
        st.warning(text("prefix-warning", count=len(flagged), threshold=threshold, words=" · ".join(flagged)), icon=":material/warning:")
    else:
        st.markdown(text("prefix-no-warning", threshold=threshold))


def _untouched(shares: Contributions) -> None:
    """The source words that speak for no word of the translation, each with its number."""
    st.markdown(f"**{text('prefix-untouched')}**")
    left_over = [f"{plain(token)} ({touch:.1%})" for token, touch, untouched in
                 zip(shares.source_tokens, shares.touches, shares.untouched, strict=True) if untouched]
    if not shares.warns:
        st.markdown(text("prefix-cannot-tell"))
    elif left_over:
        st.warning(text("prefix-untouched-words", count=len(left_over), threshold=f"{shares.touch_threshold:.1%}", words=" · ".join(left_over)),
                   icon=":material/visibility_off:")
    else:
        st.markdown(text("prefix-no-untouched", threshold=f"{shares.touch_threshold:.1%}"))


def _tables(shares: Contributions) -> None:
    target = pd.DataFrame({"target_word": shares.target_tokens, "source_share": shares.source_shares, "support": shares.support,
                           "ignores_source": shares.ignores_source}).round(4)
    source = pd.DataFrame({"source_word": shares.source_tokens, "touch": shares.touches, "untouched": shares.untouched}).round(4)
    with st.expander(text("prefix-table")):
        left, right = st.columns(2, gap="large")
        for column, table, name in ((left, target, "shares"), (right, source, "touches")):
            with column:
                st.dataframe(table, hide_index=True)
                st.download_button(text("download-csv"), partial(csv_bytes, table), f"{name}.csv", "text/csv", icon=":material/download:", key=f"{name}_csv")
