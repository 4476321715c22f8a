"""Where the errors are: confusion by group, whose cells open their rows, slices, reliability, repairs, agreement."""

from __future__ import annotations

from typing import Any

import streamlit as st

from audit import AuditResult
from audit.figures import confusion_squares
from audit.report import GroupResult
from audit.wording import say, shown
from ui import state
from ui.audit_findings import show_slices, show_tree, show_words
from ui.audit_repair import show_agreement, show_reliability, show_repair
from ui.texts import language, text
from ui.words import label_name


def show_where(result: AuditResult, metric: str) -> None:
    """One group's confusion and reliability, slices of all groups, repairs and agreement, each in a tab."""
    st.subheader(say(language(), "card-where"))
    group = _choose_group(result, metric)
    names = [name for name, there in (("audit-tab-confusion", bool(result.report.classes)), ("card-slices", result.findings is not None),
                                      ("card-words", result.findings is not None), ("card-tree", result.findings is not None),
                                      ("card-reliability", bool(result.report.classes)), ("card-repair", result.repair is not None),
                                      ("card-human", result.agreement is not None)) if there]
    tabs = dict(zip(names, st.tabs([text(name) if name.startswith("audit") else say(language(), name) for name in names]), strict=True))
    if "audit-tab-confusion" in tabs:
        with tabs["audit-tab-confusion"]:
            _show_confusion(result, group)
        with tabs["card-reliability"]:
            show_reliability(result, group.group)
    if result.findings is not None:
        with tabs["card-slices"]:
            show_slices(result, result.findings)
        with tabs["card-words"]:
            show_words(result.findings, group.group)
        with tabs["card-tree"]:
            show_tree(result.findings)
    if result.repair is not None:
        with tabs["card-repair"]:
            show_repair(result.repair)
    if result.agreement is not None:
        with tabs["card-human"]:
            show_agreement(result.agreement)


def _choose_group(result: AuditResult, metric: str) -> GroupResult:
    """The worst group unless another is chosen."""
    report = result.report
    gap = report.gaps.get(metric)
    names = sorted((group.group for group in report.by_culture), key=lambda name: (gap is None or name != gap.worst, name))
    chosen = st.session_state.get(state.AUDIT_GROUP)
    name = st.selectbox(text("audit-group"), names, index=names.index(chosen) if chosen in names else 0, key=state.AUDIT_GROUP, format_func=shown, width=320,
                        on_change=_forget_cell)
    return next(group for group in report.by_culture if group.group == name)


def _show_confusion(result: AuditResult, group: GroupResult) -> None:
    """The confusion of one group; a click on a cell filters the rows below."""
    st.markdown(f"**{say(language(), 'card-confusion')}** · n = {group.count:,}")
    classes = result.report.classes
    figure = confusion_squares(group, [label_name(label) for label in classes], gold_title=text("culture-gold"), predicted_title=text("culture-predicted"))
    event: Any = st.plotly_chart(figure, theme="streamlit", key="audit_confusion", on_select="rerun", selection_mode="points",
                                 config={"displayModeBar": False}, width=460)
    st.caption(text("audit-confusion-note"))
    points = event.selection.points
    if points:
        gold, said = int(points[0]["y"]), int(points[0]["x"])
        st.session_state[state.AUDIT_CELL] = (group.group, classes[gold], classes[said])


def _forget_cell() -> None:
    st.session_state.pop(state.AUDIT_CELL, None)
