"""A table of an audit's report with a button that saves it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audit.report_tables import ReportTable
from ui.tables import csv_bytes
from ui.texts import language, text


def show_table(table: ReportTable, name: str) -> None:
    """The table with its columns named in the visitor's language; three digits are shown, the file has all."""
    frame = pd.DataFrame(list(table.rows), columns=table.named(language()))
    st.dataframe(frame.round(3), hide_index=True)
    st.download_button(text("download-csv"), csv_bytes(frame), f"audit-{name}.csv", "text/csv", icon=":material/download:", key=f"audit-csv-{name}")
