"""The audit screen: the job, and what it found."""

from __future__ import annotations

import hashlib

import streamlit as st

from audit import AuditResult, run_audit
from audit.audit_figures import gap_matrix
from audit.card import card_html
from audit.drawings import dots, is_mapped, world, world_note
from audit.report import RATIOS, AuditReport
from audit.report_tables import gaps_table, groups_table, left_out_table, main_metric, mcnemar_table, pairs_table
from audit.save import CARD, REPORT, report_json
from audit.wording import metric_name, say, verdict_lines
from models import Classifier, Translator
from models.progress import Progress
from ui import state
from ui.audit_map import show_map
from ui.audit_rows import show_rows
from ui.audit_table import AuditRequest
from ui.audit_where import show_where
from ui.caches import TRANSLATION, active_model, active_translator, job_runner
from ui.errors import shown_errors
from ui.job_panel import show_result
from ui.report_table import show_table
from ui.texts import language, text
from ui.words import plain

CHART = {"displaylogo": False, "toImageButtonOptions": {"format": "svg"}}


def show_audit(request: AuditRequest) -> None:
    """Has the runner audit the table, and draws what it finds."""
    model = None if not request.predict else active_translator() if request.task == TRANSLATION else active_model()
    key = hashlib.sha256(f"audit {request.settings()} {'' if model is None else model.fingerprint}".encode()).hexdigest()
    before = st.session_state.get(state.AUDIT_KEY)
    if before not in (None, key):
        job_runner().forget(before)  # a result holds its rows; one a visitor is enough
    st.session_state[state.AUDIT_KEY] = key
    show_result(key, "audit-running", lambda progress: _work(request, model, progress), _draw)


def _work(request: AuditRequest, model: Classifier | Translator | None, progress: Progress) -> AuditResult:
    return run_audit(request.table, request.task, request.columns, request.config, model=model, progress=progress)


def _draw(result: AuditResult) -> None:
    report = result.report
    _summary(result)
    names = list(report.metrics)
    chosen = st.session_state.get(state.AUDIT_METRIC)
    metric = st.selectbox(text("audit-metric"), names, index=names.index(chosen if chosen in names else main_metric(report)), key=state.AUDIT_METRIC,
                          format_func=lambda name: metric_name(language(), name), width=320)
    for line in verdict_lines(language(), report, metric):
        st.markdown(f"**{plain(line, limit=400)}**")
    if isinstance(report.adjusted, str):
        st.caption(text("audit-not-adjusted", reason=plain(report.adjusted, limit=300)))
    worst = report.gaps[metric].worst if metric in report.gaps else None  # what is chosen below before anybody chooses
    st.plotly_chart(dots(report, metric, language(), marked=st.session_state.get(state.AUDIT_GROUP, worst)), theme="streamlit", width="stretch", config=CHART,
                    key="audit_dots")
    st.caption(text("audit-dots-note"))
    _map(report, metric)
    _tables(result, metric)
    show_where(result, metric)
    with shown_errors():
        show_map(result)
    show_rows(result)


def _summary(result: AuditResult) -> None:
    report = result.report
    st.subheader(text("audit-result"))
    st.caption(plain(say(language(), "card-rows", count=report.overall.count, groups=len(report.by_culture)))
               + ("" if report.items is None else " · " + text("audit-items", items=report.items)))
    with st.container(horizontal=True):
        st.download_button(text("audit-save"), lambda: card_html(result, language()), f"audit-{CARD}", "text/html", icon=":material/save:", type="primary")
        st.download_button(text("audit-json"), lambda: report_json(result), REPORT, "application/json", icon=":material/data_object:")
    left_out = left_out_table(report, language())
    if left_out.rows:
        with st.expander(f"{text('audit-left-out')} · {sum(row[1] for row in left_out.rows):,}"):
            show_table(left_out, "left-out")


def _map(report: AuditReport, metric: str) -> None:
    if is_mapped(report, metric) and st.toggle(say(language(), "card-map"), key="audit_map"):
        st.plotly_chart(world(report, metric, language()), theme="streamlit", width="stretch", config=CHART, key="audit_world")
        st.caption(plain(world_note(report, language()), limit=600))


def _tables(result: AuditResult, metric: str) -> None:
    report = result.report
    with st.expander(text("audit-groups-table")):
        show_table(groups_table(report, metric), "groups")
    with st.expander(say(language(), "card-gaps")):
        st.caption(say(language(), "card-gaps-note"))
        show_table(gaps_table(report, language()), "gaps")
    if report.pairs.get(metric):
        with st.expander(say(language(), "card-pairs")):
            st.caption(say(language(), "card-pairs-note"))
            st.plotly_chart(gap_matrix(report.pairs[metric], scale=1 if metric in RATIOS else 100, title=metric_name(language(), metric)), theme="streamlit",
                            width="stretch", config=CHART, key="audit_pairs")
            show_table(pairs_table(report, metric), "pairs")
    if report.mcnemar:
        with st.expander(say(language(), "card-mcnemar")):
            st.caption(say(language(), "card-mcnemar-note"))
            show_table(mcnemar_table(report), "mcnemar")
