"""Slices with more errors than the rest; picking one filters the rows."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from audit import AuditResult
from audit.findings import Findings
from audit.report_tables import slices_table
from audit.wording import say, searched_rows
from ui import state
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
