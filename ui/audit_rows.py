"""The rows behind a number, and the explanation of one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from audit import AuditResult
from audit.rows import CORRECT, GROUP, PAGE, ROW, RowFilter, find_rows
from audit.wording import shown
from ui import state
from ui.audit_attributions import show_attribution_totals
from ui.audit_faithfulness import show_faithfulness
from ui.audit_map import clear_selection
from ui.audit_neighbours import show_row_neighbours
from ui.caches import active_model
from ui.errors import shown_errors
from ui.explanations import show_attributions
from ui.sentiment import predict, show_prediction
from ui.tables import csv_bytes
from ui.texts import text
from ui.translation import request_translation
from ui.words import label_name, plain

EXPLORE, EXPLORE_TRANSLATION = "pages/explore/sentiment.py", "pages/explore/translation.py"
WRONG, RIGHT = "wrong", "right"
MOST_SAVED = 10_000  # rows of one download


def show_rows(result: AuditResult) -> None:
    """A filtered page of rows; the one that is picked is explained."""
    st.subheader(text("audit-rows-title"))
    wanted = _filter(result)
    names = [ROW, *(name for name in result.rows.column_names if name != ROW)]
    first, second, third = st.columns([2, 1, 1], vertical_alignment="bottom")
    sort_by = first.selectbox(text("audit-sort"), names, key=state.AUDIT_SORT, format_func=shown)
    descending = second.toggle(text("audit-descending"), key="audit_descending")
    found = find_rows(result.rows, result.columns, wanted, sort_by=sort_by or ROW, descending=descending, size=0)
    pages = max(1, -(-found.count // PAGE))
    number = third.number_input(text("audit-page", pages=f"{pages:,}"), 1, pages, 1, key="audit_page")
    page = find_rows(result.rows, result.columns, wanted, sort_by=sort_by or ROW, descending=descending, start=(int(number) - 1) * PAGE)
    st.caption(text("audit-found", count=f"{page.count:,}", total=f"{result.rows.num_rows:,}"))
    frame = page.rows.select(_order(result)).to_pandas()
    event: Any = st.dataframe(frame, hide_index=True, on_select="rerun", selection_mode="single-row", key="audit_rows")
    st.download_button(text("audit-rows-save"), lambda: csv_bytes(find_rows(result.rows, result.columns, wanted, size=MOST_SAVED).rows.to_pandas()),
                       "audit-rows.csv", "text/csv", icon=":material/download:", help=text("audit-rows-save-help", most=f"{MOST_SAVED:,}"))
    picked = event.selection.rows
    if picked and picked[0] < page.rows.num_rows:
        row = {name: str(cell) for name, cell in page.rows.slice(picked[0], 1).to_pylist()[0].items()}
        with shown_errors():
            if result.report.task == "sentiment":
                _explain(row[result.columns.text], row[ROW])
                show_row_neighbours(result, int(row[ROW]))
            else:
                _offer_translation(row, result)
    with shown_errors():
        show_attribution_totals(result, wanted)
    with shown_errors():
        show_faithfulness(result, wanted)


def _filter(result: AuditResult) -> RowFilter:
    """From the clicked cell of the confusion and from what is chosen here."""
    first, second, third = st.columns([2, 2, 3], vertical_alignment="bottom")
    groups = [group.group for group in result.report.by_culture]
    group = first.selectbox(text("audit-filter-group"), ["", *groups], key="audit_filter_group",
                            format_func=lambda name: shown(name) if name else text("audit-all"))
    verdict = second.segmented_control(text("audit-filter-correct"), [WRONG, RIGHT], key="audit_filter_correct",
                                       format_func=lambda value: text(f"audit-{value}"), disabled=CORRECT not in result.rows.column_names)
    contains = third.text_input(text("audit-filter-text"), key="audit_filter_text", max_chars=200)
    names = st.session_state.get(state.AUDIT_SLICE)
    numbers = None if names is None or result.findings is None else result.findings.rows_of(names)
    mapped = st.session_state.get(state.AUDIT_MAPPED)
    if mapped is not None:
        numbers = np.array(mapped) if numbers is None else np.intersect1d(numbers, mapped)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(text("audit-mapped", count=f"{len(mapped):,}"))
            st.button(text("audit-cell-clear"), icon=":material/close:", on_click=clear_selection, key="audit_mapped_clear")
    wanted = RowFilter(group or "", numbers=numbers, contains=contains or "", correct=None if verdict is None else verdict == RIGHT)
    if names is not None:
        st.markdown(text("audit-slice", names=plain(" & ".join(names))))
    cell = st.session_state.get(state.AUDIT_CELL)
    if cell is None or cell[0] not in groups:
        return wanted
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(text("audit-cell", group=plain(cell[0]), label=label_name(cell[1]), prediction=label_name(cell[2])))
        st.button(text("audit-cell-clear"), icon=":material/close:", on_click=_clear)
    return replace(wanted, group=cell[0], label=cell[1], prediction=cell[2])


def _clear() -> None:
    st.session_state.pop(state.AUDIT_CELL, None)
    st.session_state.pop("audit_confusion", None)


def _order(result: AuditResult) -> list[str]:
    """What is read first stands first."""
    first = [name for name in (ROW, GROUP, result.columns.label, result.columns.prediction, CORRECT, result.columns.text) if name in result.rows.column_names]
    return [*first, *(name for name in result.rows.column_names if name not in first)]


def _explain(content: str, number: str) -> None:
    """Prediction and attributions of the active model for a text, in place."""
    model = active_model()
    request = state.Request(content, None)
    with st.container(border=True):
        st.markdown(f"**{text('audit-row', number=number)}** · {text('audit-row-model', model=plain(model.name))}")
        st.text(content)
        prediction = predict(model, request)
        left, right = st.columns([2, 5], gap="large")
        with left:
            show_prediction(model, request, prediction)
            if st.button(text("audit-explore"), icon=":material/arrow_forward:"):
                st.session_state[state.TEXT], st.session_state[state.REQUEST] = content, request
                st.switch_page(EXPLORE)
        with right:
            show_attributions(model, prediction)


def _offer_translation(row: dict[str, str], result: AuditResult) -> None:
    """The source of a row, and a button that has it translated and explained on the page for that."""
    columns = result.columns
    with st.container(border=True):
        st.markdown(f"**{text('audit-row', number=row[ROW])}**")
        st.text(row[columns.text])
        if st.button(text("audit-explore"), icon=":material/arrow_forward:"):
            request_translation(row[columns.text], row[columns.source_language], row[columns.target_language])
            st.switch_page(EXPLORE_TRANSLATION)
