"""How far explanations can be trusted in each culture of the rows that are shown: a sample of them, beside random orders."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import streamlit as st

from audit import AuditResult
from audit.faithfulness_by_culture import PERCENTILE, FaithfulnessByCulture, measure_faithfulness_by_culture
from audit.faithfulness_tables import gaps_table, method_pairs_table, methods_table
from audit.figures import culture_dots
from audit.rows import RowFilter, find_rows
from audit.wording import say, verdict
from models import Classifier
from models.progress import Progress
from ui import state
from ui.audit_attributions import LARGEST_SAMPLE, ask, choose_model, key_of_rows, number_groups
from ui.caches import SENTIMENT, model_names
from ui.job_panel import show_result
from ui.report_table import show_table
from ui.texts import language, text
from ui.words import plain
from xai.methods import METHODS

TITLE = "audit-faithfulness-running"
FAST = ["integrated_gradients", "occlusion"]  # chosen before anybody chooses
ROWS = 100


@dataclass(frozen=True)
class _Settings:
    """What is chosen here."""

    methods: tuple[str, ...]
    most_rows: int


def show_faithfulness(result: AuditResult, wanted: RowFilter) -> None:
    """The choices, a button, and what was found in the rows that a filter lets through; nothing for translations or without texts or models."""
    names = model_names()
    if result.report.task != SENTIMENT or result.columns.text not in result.rows.column_names or not names:
        return
    st.subheader(text("audit-faithfulness-title"))
    st.caption(text("audit-faithfulness-note"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = choose_model(result, names, key="audit_faithfulness_model")
        settings = _choose_settings()
        key = key_of_rows("faithfulness", result, wanted, model, asdict(settings))
        # no callback, as in `audit_table.ask`
        if st.button(text("audit-faithfulness-run"), icon=":material/fact_check:", key="audit_faithfulness_run", disabled=not settings.methods):
            ask(state.AUDIT_FAITHFULNESS, TITLE, key)
    if st.session_state.get(state.AUDIT_FAITHFULNESS) == key:
        show_result(key, TITLE, lambda progress: _work(result, wanted, model, settings, progress), _draw)


def _choose_settings() -> _Settings:
    methods = st.multiselect(text("audit-faithfulness-methods"), list(METHODS), FAST, key="audit_faithfulness_methods", width=420,
                             format_func=lambda name: text(f"method-{name}"))
    most = st.number_input(text("audit-attributions-rows"), 2, LARGEST_SAMPLE, ROWS, 50, key="audit_faithfulness_rows", width=140)
    return _Settings(tuple(methods), int(most))


def _work(result: AuditResult, wanted: RowFilter, model: Classifier, settings: _Settings, progress: Progress) -> FaithfulnessByCulture:
    rows = find_rows(result.rows, result.columns, wanted, size=result.rows.num_rows).rows
    names, signature = [group.group for group in result.report.by_culture], result.report.signature
    return measure_faithfulness_by_culture(model, rows[result.columns.text].to_pylist(), number_groups(rows, names), names, **asdict(settings),
                                           resamples=signature["resamples"], seed=signature["seed"], progress=progress)


def _draw(found: FaithfulnessByCulture) -> None:
    signature = found.signature
    parts = [text("audit-faithfulness-sample", measured=f"{found.measured:,}", count=f"{found.count:,}", seed=str(signature["seed"]),
                  baselines=str(signature["baselines"]), model=plain(signature["model"]["name"]))]
    if found.unread:
        parts.append(text("audit-attributions-unread", unread=f"{found.unread:,}"))
    st.markdown(" ".join(parts))
    method = st.selectbox(text("audit-attributions-method"), signature["methods"], key="audit_faithfulness_method", width=260,
                          format_func=lambda name: text(f"method-{name}"))
    _draw_cultures(found, method or signature["methods"][0])
    with st.expander(text("audit-faithfulness-table")):
        show_table(methods_table(found), "faithfulness")
    if found.gaps:
        with st.expander(say(language(), "card-gaps")):
            st.caption(text("audit-faithfulness-even"))
            show_table(gaps_table(found, language()), "faithfulness-gaps")
    with st.expander(text("audit-faithfulness-pairs")):
        st.caption(text("audit-faithfulness-pairs-note"))
        show_table(method_pairs_table(found), "faithfulness-pairs")


def _draw_cultures(found: FaithfulnessByCulture, method: str) -> None:
    """Dots of one method by culture, with grey where an explanation drawn by lot is."""
    whole, chance = next(part for part in found.overall if part.method == method), found.overall[-1].metrics[PERCENTILE]
    groups = [part for part in found.by_culture if part.method == method]
    if method in found.gaps:
        st.markdown(f"**{plain(verdict(language(), PERCENTILE, found.gaps[method]), limit=400)}**")
    else:
        st.caption(text("audit-faithfulness-few", minimum=str(found.signature["minimum"])))
    st.plotly_chart(culture_dots(groups, whole, metric=PERCENTILE, title=say(language(), "column-percentile"), overall_title=say(language(), "all-rows"),
                                 band=(chance.low, chance.high)), theme="streamlit", width=760, config={"displaylogo": False}, key="audit_faithfulness_figure")
    st.caption(text("audit-faithfulness-read"))
