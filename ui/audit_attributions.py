"""Which words stand behind the predictions in the rows that are shown: explanations of a sample, added up by culture and predicted class."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute
import streamlit as st

from audit import AuditResult
from audit.attribution_figures import attribution_dots
from audit.attribution_shares import shares_table
from audit.attribution_totals import LANGUAGE, METHOD, MINIMUM, MOST_ROWS, AttributionTotals, ClassTotals, attribution_totals, totals_table
from audit.rows import GROUP, RowFilter, find_rows
from audit.wording import say, shown
from models import Classifier
from models.progress import Progress
from ui import state
from ui.caches import SENTIMENT, active_model, classifier, job_runner, model_names
from ui.job_panel import show_result
from ui.report_table import show_table
from ui.texts import language, text
from ui.words import label_name, plain
from xai.methods import METHODS

TITLE = "audit-attributions-running"
SIGNED = (METHOD, *(name for name in METHODS if name not in (METHOD, "attention_rollout")))  # attention says where, not what for
LARGEST_SAMPLE = 2_000  # rows


@dataclass(frozen=True)
class _Settings:
    """What is chosen here."""

    method: str
    most_rows: int
    minimum: int


def show_attribution_totals(result: AuditResult, wanted: RowFilter) -> None:
    """The choices, a button, and what was found in the rows that a filter lets through; nothing for translations or without texts or models."""
    names = model_names()
    if result.report.task != SENTIMENT or result.columns.text not in result.rows.column_names or not names:
        return
    st.subheader(text("audit-attributions-title"))
    st.caption(text("audit-attributions-note"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = choose_model(result, names, key="audit_attributions_model")
        settings = _choose_settings()
        key = key_of_rows("attributions", result, wanted, model, asdict(settings))
        if st.button(text("audit-attributions-run"), icon=":material/functions:", key="audit_attributions_run"):  # no callback, as in `audit_table.ask`
            ask(state.AUDIT_ATTRIBUTIONS, TITLE, key)
    if st.session_state.get(state.AUDIT_ATTRIBUTIONS) == key:
        show_result(key, TITLE, lambda progress: _work(result, wanted, model, settings, progress), _draw)


def choose_model(result: AuditResult, names: list[str], *, key: str) -> Classifier:
    """The model that predicted, which is the active one; where the table brings predictions, any."""
    active = active_model()
    if result.report.signature["model"] is not None:
        return active
    name = st.selectbox(text("frame-model"), names, index=names.index(active.name) if active.name in names else 0, key=key, format_func=shown,
                        width=200)
    return classifier(name)


def number_groups(rows: arrow.Table, names: list[str]) -> np.ndarray:
    """Place of the group of each row among the names (rows,); -1 for rows that were not measured."""
    places = compute.index_in(rows[GROUP].cast(arrow.string()), value_set=arrow.array(names, arrow.string()))
    return np.asarray(compute.fill_null(places, -1), dtype=np.int64)


def _choose_settings() -> _Settings:
    method = st.selectbox(text("audit-attributions-method"), SIGNED, key="audit_attributions_method", width=220,
                          format_func=lambda name: text(f"method-{name}"), help=text("audit-attributions-method-help"))
    most = st.number_input(text("audit-attributions-rows"), 1, LARGEST_SAMPLE, MOST_ROWS, 50, key="audit_attributions_rows", width=140)
    minimum = st.number_input(text("audit-attributions-minimum"), 2, 1_000, MINIMUM, key="audit_attributions_minimum", width=180,
                              help=text("audit-attributions-minimum-help"))
    return _Settings(method, int(most), int(minimum))


def key_of_rows(what: str, result: AuditResult, wanted: RowFilter, model: Classifier, settings: dict[str, Any]) -> str:
    """Digest of everything that what is computed over the shown rows depends on."""
    numbers = "" if wanted.numbers is None else hashlib.sha256(wanted.numbers.tobytes()).hexdigest()
    content = [what, result.report.signature, {**asdict(wanted), "numbers": numbers}, model.fingerprint, settings]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def ask(place: str, title: str, key: str) -> None:
    """Keeps the key of what is asked for, so that it is worked on; nobody waits for what was asked before."""
    runner = job_runner()
    runner.cancel_others(state.visitor(), title, [key])
    runner.forget_failed()
    st.session_state[place] = key


def _work(result: AuditResult, wanted: RowFilter, model: Classifier, settings: _Settings, progress: Progress) -> AttributionTotals:
    rows = find_rows(result.rows, result.columns, wanted, size=result.rows.num_rows).rows
    names = [group.group for group in result.report.by_culture]
    signature = result.report.signature
    languages = rows[LANGUAGE].to_pylist() if LANGUAGE in rows.column_names else None
    return attribution_totals(model, rows[result.columns.text].to_pylist(), number_groups(rows, names), names, languages=languages, **asdict(settings),
                              resamples=signature["resamples"], seed=signature["seed"], progress=progress)


def _draw(found: AttributionTotals) -> None:
    signature = found.signature
    parts = [text("audit-attributions-sample", explained=f"{found.explained:,}", count=f"{found.count:,}", seed=str(signature["seed"]),
                  method=text(f"method-{signature['method']}"), model=plain(signature["model"]["name"]))]
    if found.unread:
        parts.append(text("audit-attributions-unread", unread=f"{found.unread:,}"))
    if found.cut:
        parts.append(text("audit-attributions-cut", cut=f"{found.cut:,}"))
    st.markdown(" ".join(parts))
    part = _choose_part(found)
    st.caption(text("audit-attributions-part", count=f"{part.count:,}", words=f"{len(part.words):,}", rare=f"{part.rare:,}",
                    minimum=str(signature["minimum"])))
    if part.words:
        st.plotly_chart(attribution_dots(part.words, title=f"{say(language(), 'column-mean-score')} · {text(f'output-{found.output}')}"), theme="streamlit",
                        width=760, config={"displaylogo": False}, key="audit_attributions_figure")
        st.caption(text("audit-attributions-read"))
    with st.expander(text("audit-attributions-table")):
        show_table(totals_table(found), "attributions")
    st.markdown(f"**{text('audit-shares-title')}**")
    show_table(shares_table(found.shares, language()), "shares")
    st.caption(text("audit-shares-note", minimum=str(signature["minimum"])))


def _choose_part(found: AttributionTotals) -> ClassTotals:
    """One class of one culture, or of all of them."""
    groups = list(dict.fromkeys(part.group for part in found.by_culture))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        group = st.selectbox(text("audit-group"), ["", *groups], key="audit_attributions_group", width=240,
                             format_func=lambda name: shown(name) if name else text("audit-all"))
        parts = {part.target: part for part in (found.by_culture if group else found.overall) if not group or part.group == group}
        most = max(parts.values(), key=lambda part: part.count).target
        target = st.segmented_control(say(language(), "column-predicted-class"), list(parts), default=most, key=f"audit_attributions_class_{group}",
                                      required=True, format_func=label_name)
    return parts.get(target or most, parts[most])
