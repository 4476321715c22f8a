"""Table → metrics by culture with intervals, gaps with verdicts, where the errors are, and the rows behind them."""

import streamlit as st

from ui.audit import show_audit
from ui.audit_table import ask
from ui.errors import shown_errors
from ui.texts import text

st.title(text("audit-title"))
with shown_errors():
    request = ask()
    if request is None:
        st.info(text("audit-empty"), icon=":material/touch_app:")
        st.stop()
    show_audit(request)
