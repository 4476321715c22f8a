"""How sure the model is against how often it is right, what two cheap repairs would change, and how far people agree."""

from __future__ import annotations

import streamlit as st

from audit import AuditResult
from audit.agreement import AgreementReport
from audit.audit_figures import before_after
from audit.drawings import reliability_of
from audit.repair import KINDS, SCOPES, RepairPreview
from audit.report import RATIOS
from audit.report_tables import agreement_table, repair_table
from audit.wording import metric_name, repair_note, repair_sentence, say
from ui.report_table import show_table
from ui.texts import language, text
from ui.words import plain

METRICS = ("brier", "ece", "macro_f1", "accuracy")


def show_repair(preview: RepairPreview) -> None:
    """One repair by one metric, before and after in every group, and what becomes of the gap."""
    st.caption(repair_note(language(), preview))
    first, second = st.columns(2)
    versions = [(kind, scope) for kind in KINDS for scope in SCOPES]
    kind, scope = first.selectbox(text("audit-repair-kind"), versions, key="audit_repair_kind",
                                  format_func=lambda pair: say(language(), "repair-" + "-".join(pair)))
    metric = second.selectbox(text("audit-metric"), METRICS, key="audit_repair_metric", format_func=lambda name: metric_name(language(), name))
    repair = preview.repair(kind, scope)
    if metric in repair.gaps:
        st.markdown(plain(repair_sentence(language(), metric, repair.gaps[metric]), limit=300))
    figure = before_after(repair.by_culture, metric, scale=1 if metric in RATIOS else 100, title=metric_name(language(), metric),
                          before_title=say(language(), "column-before"), after_title=say(language(), "column-after"))
    st.plotly_chart(figure, theme="streamlit", width="stretch", config={"displaylogo": False}, key="audit_repair_figure")
    show_table(repair_table(repair, metric), "repair")


def show_agreement(report: AgreementReport) -> None:
    """How far people agree in each group."""
    st.caption(say(language(), "card-human-note"))
    show_table(agreement_table(report), "agreement")


def show_reliability(result: AuditResult, group: str | None) -> None:
    """Accuracy against confidence of all rows and of one group."""
    figure = reliability_of(result, language(), marked=group)
    if figure is None:
        st.caption(text("audit-no-probabilities"))
    else:
        st.plotly_chart(figure, theme="streamlit", width=640, config={"displaylogo": False}, key="audit_reliability")
