"""The culture panel: how this model does where the sentence comes from, beside everywhere else."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from audit import CultureReport, measure_cultures, read_probe
from audit.figures import confusion_heatmap, culture_dots
from models import Classifier
from models.errors import BusyError
from models.metrics import GroupMetrics, Interval, measure_group
from ui import state
from ui.caches import job_runner
from ui.errors import sentence, show_error
from ui.job_panel import POLL_SECONDS
from ui.tables import csv_bytes
from ui.texts import text
from ui.words import label_name, plain

PROBE, CORPORA = "probe", "corpora"
WORST_SHOWN = 5
FEW = 3  # sentences under which a share says nothing


def show_culture(model: Classifier, culture: str | None) -> None:
    """Measures the model on the probe set once, then draws it for this culture."""
    st.subheader(text("culture-title"))
    if {label.lower() for label in model.labels} != {"negative", "neutral", "positive"}:
        st.info(text("culture-other-labels"))
        return
    key = hashlib.sha256(f"cultures {model.fingerprint} {len(read_probe())} {read_probe()[0].text}".encode()).hexdigest()
    runner = job_runner()
    job = runner.job(key)
    if runner.result(key) is None and (job is None or job.state != "failed"):
        if job is not None and job.cancel.is_set():
            runner.forget_failed()
        try:
            runner.submit(key, "culture-title", state.visitor(), lambda progress: measure_cultures(model, read_probe(), progress=progress))
        except BusyError as error:
            show_error(error)
            return
    waiting = runner.result(key) is None
    st.fragment(_panel, run_every=POLL_SECONDS if waiting else None)(model, culture, key, waiting)


def _panel(model: Classifier, culture: str | None, key: str, waiting: bool) -> None:
    runner = job_runner()
    report, job = runner.result(key), runner.job(key)
    if report is None:
        if job is None or job.state in ("done", "cancelled") or job.cancel.is_set():
            st.rerun()  # given up by somebody else; it is asked for again
        elif job.state == "failed":
            st.error(text("job-failed"))
            st.text(sentence(job.error, job.error_key))
        else:
            st.progress(min(1.0, job.done / job.total) if job.total else 0.0, text=text("culture-measuring"))
        return
    if waiting:
        st.rerun()
    corpora = corpora_groups(model.card.get("evaluation", {}))
    sources = [PROBE, *([CORPORA] if corpora else [])]
    source = st.segmented_control(text("culture-source"), sources, default=PROBE, key="culture_source",
                                  format_func=lambda value: text(f"culture-source-{value}"), required=True)
    if source == CORPORA:
        classes = tuple(str(label).lower() for label in model.card["evaluation"].get("labels", report.classes))
        _figures(classes, corpora, pooled(corpora, classes), culture_match(culture, corpora))
        st.caption(text("culture-corpora-note"))
    else:
        _figures(report.classes, list(report.by_culture), report.overall, culture)
        _phenomena(report, culture)
        st.caption(text("culture-probe-note"))


def _figures(classes: tuple[str, ...], groups: list[GroupMetrics], overall: GroupMetrics, culture: str | None) -> None:
    own = next((group for group in groups if group.group == culture), None)
    if own is None:
        st.caption(text("culture-unknown"))
        own = overall
    else:
        value, better = own.metrics["macro_f1"], overall.metrics["macro_f1"].value
        rank = 1 + sum(group.metrics["macro_f1"].value > value.value for group in groups)
        st.markdown(text("culture-verdict", culture=plain(own.group), value=f"{value.value:.1f}", low=f"{value.low:.1f}", high=f"{value.high:.1f}",
                         count=own.count, overall=f"{better:.1f}", rank=rank, total=len(groups)))
    left, right = st.columns([3, 2])
    dots = culture_dots(groups, overall, marked=own.group, title=text("metric-macro-f1"), overall_title=text("culture-overall"))
    left.plotly_chart(dots, theme="streamlit", width="stretch", config={"displaylogo": False}, key="culture_dots")
    right.markdown(f"**{text('culture-confusion')}** · n = {own.count}")
    matrix = confusion_heatmap(own, [label_name(name) for name in classes], gold_title=text("culture-gold"), predicted_title=text("culture-predicted"))
    right.plotly_chart(matrix, theme="streamlit", width="stretch", config={"displayModeBar": False}, key="culture_confusion")
    table = groups_table([*groups, overall])
    with st.expander(text("culture-table")):
        st.dataframe(table, hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, table), "cultures.csv", "text/csv", icon=":material/download:", key="culture_csv")


def _phenomena(report: CultureReport, culture: str | None) -> None:
    items = [item for item in report.phenomena.get(culture or "", report.phenomena[""]) if item.count >= FEW][:WORST_SHOWN]
    if items:
        shares = " · ".join(text("culture-wrong", name=text(f"phenomenon-{item.name}"), errors=item.errors, count=item.count) for item in items)
        st.markdown(f"**{text('culture-mistakes')}** {shares}")


def groups_table(groups: list[GroupMetrics]) -> pd.DataFrame:
    """One row a group with every metric and the ends of its interval."""
    rows = []
    for group in groups:
        row: dict[str, Any] = {"culture": group.group, "count": group.count}
        for name, value in group.metrics.items():
            row |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
        rows.append(row)
    return pd.DataFrame(rows).round(2)


def corpora_groups(evaluation: dict[str, Any]) -> list[GroupMetrics]:
    """The cultures of evaluation.json as groups; empty where a model brings none or a broken one."""
    try:
        return [
            GroupMetrics(row["culture"], row["count"], np.array(row["confusion"]),
                         {name: Interval(**value) for name, value in row["metrics"].items()})
            for row in evaluation.get("by_culture", [])
        ]
    except (KeyError, TypeError, AttributeError, ValueError):
        return []


def pooled(groups: list[GroupMetrics], classes: tuple[str, ...]) -> GroupMetrics:
    """All groups as one."""
    counts = np.sum([group.confusion for group in groups], axis=0)
    gold, predicted = np.indices(counts.shape)
    repeat = counts.ravel()
    return measure_group("overall", np.repeat(gold.ravel(), repeat).tolist(), np.repeat(predicted.ravel(), repeat).tolist(), range(len(classes)))


def culture_match(culture: str | None, groups: list[GroupMetrics]) -> str | None:
    """The culture itself, else the group of its language."""
    names = [group.group for group in groups]
    if culture is None or culture in names:
        return culture
    language = culture.split("-")[0]
    return next((name for name in names if name.split("-")[0] == language), None)
