"""Slices with more errors than the rest, words of errors, and the error tree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from audit import AuditResult
from audit.audit_figures import words_bars
from audit.findings import Findings
from audit.report_tables import slices_table, tree_table, words_table
from audit.wording import say, searched_rows
from ui import state
from ui.report_table import show_table
from ui.tables import csv_bytes
from ui.texts import language, text


def show_slices(result: AuditResult, findings: Findings) -> None:
    """The slices found, or that none was."""
    found = findings.slices
    st.caption(searched_rows(language(), len(findings.numbers), result.report))
    if not found.slices:
        st.markdown(say(language(), "card-slices-none", tested=found.tried))
        return
    st.caption(say(language(), "card-slices-note", tested=found.tried) + " " + text("audit-slices-note"))
    table = slices_table(found)
    frame = pd.DataFrame(list(table.rows), columns=table.named(language()))
    event: Any = st.dataframe(frame.round(3), hide_index=True, on_select="rerun", selection_mode="single-row", key="audit_slices")
    picked = event.selection.rows
    st.session_state[state.AUDIT_SLICE] = found.slices[picked[0]].features if picked and picked[0] < len(found.slices) else None
    st.download_button(text("download-csv"), csv_bytes(frame), "audit-slices.csv", "text/csv", icon=":material/download:", key="audit-csv-slices")


def show_words(findings: Findings, group: str) -> None:
    """Words that stand in the errors of a group more often than in its right rows."""
    words = findings.words.by_culture.get(group, ())
    if not words:
        st.markdown(say(language(), "card-words-none", tested=findings.words.tried))
        return
    st.caption(say(language(), "card-words-note"))
    figure = words_bars([word.word for word in words], np.array([word.log_odds for word in words]), np.array([word.z for word in words]),
                        title=say(language(), "column-log-odds"))
    st.plotly_chart(figure, theme="streamlit", width=640, config={"displaylogo": False}, key="audit_words")
    show_table(words_table(findings.words, group), "words")


def show_tree(findings: Findings) -> None:
    """The error tree as its conditions."""
    if findings.tree is None or not findings.tree.feature:
        st.markdown(say(language(), "card-tree-none"))
        return
    st.caption(say(language(), "card-tree-note"))
    show_table(tree_table(findings.tree), "tree")
