"""Where a model puts the rows of an audit: a map to select rows on, and the rows nearest to one."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pyarrow as arrow
import pyarrow.compute as compute
import streamlit as st

from audit import AuditResult
from audit.figures import confusion_heatmap
from audit.map_figures import COLOURS, WRONG_COLOURS, map_dots
from audit.projection import PCA_NAME, TSNE_NAME
from audit.report import GroupResult
from audit.row_map import MOST_ROWS, RowMap, map_rows, map_table
from audit.rows import CORRECT, GROUP
from audit.wording import say
from models import Classifier
from models.metrics import confusion_matrix
from models.progress import Progress
from ui import state
from ui.audit_attributions import choose_model, number_groups
from ui.audit_neighbours import show_typed
from ui.caches import SENTIMENT, job_runner, model_names
from ui.job_panel import show_result
from ui.tables import csv_bytes
from ui.texts import language, text
from ui.words import label_name, plain

TITLE = "audit-map-running"
FIGURE = "audit_projection"  # key of the figure, whose selection Streamlit keeps
VALUES = ("culture", "label", "prediction", "error")


def show_map(result: AuditResult) -> None:
    """The choices, a button, and the map; nothing for translations or without texts or models."""
    names = model_names()
    if result.report.task != SENTIMENT or result.columns.text not in result.rows.column_names or not names:
        st.session_state.pop(state.AUDIT_MAPPED, None)
        return
    st.subheader(text("audit-map-title"))
    st.caption(text("audit-map-note"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = choose_model(result, names, key="audit_map_model")
        method = st.selectbox(text("audit-map-method"), [TSNE_NAME, PCA_NAME], key="audit_map_method", width=200,
                              format_func=lambda name: text(f"audit-map-{name}"))
        most = int(st.number_input(text("audit-attributions-rows"), 10, MOST_ROWS, MOST_ROWS, 100, key="audit_map_rows", width=140))
        content = ["map", result.report.signature, model.fingerprint, method, most]
        key = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
        if st.button(text("audit-map-run"), icon=":material/scatter_plot:", key="audit_map_run"):
            job_runner().forget_failed()
            st.session_state[state.AUDIT_MAP] = key
    if st.session_state.get(state.AUDIT_MAP) == key:
        show_result(key, TITLE, lambda progress: _work(result, model, method, most, progress), lambda found: _draw(result, found))
    else:
        st.session_state.pop(state.AUDIT_MAPPED, None)


def clear_selection() -> None:
    """Selects nothing on the map."""
    st.session_state.pop(state.AUDIT_MAPPED, None)
    st.session_state.pop(FIGURE, None)


def _work(result: AuditResult, model: Classifier, method: str, most: int, progress: Progress) -> RowMap:
    groups = number_groups(result.rows, [group.group for group in result.report.by_culture])
    return map_rows(model, result.rows[result.columns.text].to_pylist(), groups, method=method, most_rows=most, seed=result.report.signature["seed"],
                    progress=progress)


def _draw(result: AuditResult, found: RowMap) -> None:
    cells = _cells(result, found)
    shown = text("audit-map-sample", placed=f"{len(found.rows):,}", count=f"{found.count:,}", model=plain(found.signature["model"]["name"]))
    st.markdown(shown + (" " + text("audit-attributions-unread", unread=f"{found.unread:,}") if found.unread else ""))
    event: Any = st.plotly_chart(_figure(result, found, cells), theme="streamlit", width="stretch", key=FIGURE, on_select="rerun",
                                 selection_mode=("box", "lasso"), config={"displaylogo": False})
    st.caption(f"{say(language(), 'map-trust', **found.projection.spelt())} {say(language(), 'map-far')} {text('audit-map-select')}")
    st.download_button(text("download-csv"), lambda: csv_bytes(map_table(found, cells)), "audit-map.csv", "text/csv", icon=":material/download:",
                       key="audit_map_csv")
    selected = _select(event, found)
    if selected is not None:
        _show_confusion(result, selected)
    show_typed(result, found)


def _figure(result: AuditResult, found: RowMap, cells: dict[str, list[str]]) -> go.Figure:
    """The map, coloured as is chosen here."""
    by = st.segmented_control(text("audit-map-colour"), VALUES, default=VALUES[0], key="audit_map_colour", required=True,
                              format_func=lambda name: text(f"audit-map-{name}")) or VALUES[0]
    orders = {"culture": [group.group for group in result.report.by_culture], "error": ["right", "wrong"]}
    order = orders.get(by, list(result.report.classes))
    names = {value: value if by == "culture" else text(f"audit-{value}") if by == "error" else label_name(value) for value in order}
    texts = result.rows[result.columns.text].take(arrow.array(found.rows)).to_pylist()
    return map_dots(found.projection.coordinates, (found.rows + 1).tolist(), texts, [names[value] for value in cells[by]], list(names.values()),
                    colours=WRONG_COLOURS if by == "error" else COLOURS)


def _cells(result: AuditResult, found: RowMap) -> dict[str, list[str]]:
    """What a dot can be coloured by (placed rows,)."""
    rows = result.rows.take(arrow.array(found.rows))
    spelt = {name: compute.utf8_trim_whitespace(rows[column].cast(arrow.string())).to_pylist()
             for name, column in zip(VALUES, (GROUP, result.columns.label, result.columns.prediction), strict=False)}
    return {**spelt, "error": ["right" if right else "wrong" for right in rows[CORRECT].to_pylist()]}


def _select(event: Any, found: RowMap) -> np.ndarray | None:
    """Numbers of the selected rows, from 1, which everything below the map is then about; None where nothing is selected."""
    known = set((found.rows + 1).tolist())
    numbers = tuple(sorted(known & {int(point["customdata"][0]) for point in event.selection.points}))
    if numbers != st.session_state.get(state.AUDIT_MAPPED, ()):
        if numbers:
            st.session_state[state.AUDIT_MAPPED] = numbers
        else:
            st.session_state.pop(state.AUDIT_MAPPED, None)
        st.rerun()  # the rows are drawn outside of this fragment
    return np.array(numbers) if numbers else None


def _show_confusion(result: AuditResult, numbers: np.ndarray) -> None:
    """Labels against predictions of the selected rows."""
    rows, classes = result.rows.take(arrow.array(numbers - 1)), result.report.classes
    labels, said = (compute.utf8_trim_whitespace(rows[name]).to_pylist() for name in (result.columns.label, result.columns.prediction))
    group = GroupResult("", len(numbers), {}, confusion_matrix(labels, said, classes))
    st.markdown(text("audit-mapped", count=f"{len(numbers):,}"))
    figure = confusion_heatmap(group, [label_name(name) for name in classes], gold_title=text("culture-gold"), predicted_title=text("culture-predicted"))
    st.plotly_chart(figure, theme="streamlit", width=420, config={"displayModeBar": False}, key="audit_map_confusion")
