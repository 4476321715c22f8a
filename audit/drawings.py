"""The figures of a report, the same on the page and in the audit card."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from audit.audit_figures import reliability, reliability_bins
from audit.figures import culture_dots
from audit.report import RATIOS, AuditReport
from audit.rows import CORRECT, GROUP
from audit.run import AuditResult
from audit.wording import metric_name, say, shown


def dots(report: AuditReport, metric: str, language: str, *, marked: str | None = None) -> go.Figure:
    """The groups sorted by a metric; shaded is what could not be told from the best."""
    groups = [group for group in report.by_culture if metric in group.metrics]
    return culture_dots(groups, report.overall, metric=metric, title=metric_name(language, metric), scale=1 if metric in RATIOS else 100, marked=marked,
                        band=_band(report, metric), overall_title=say(language, "all-rows"))


def _band(report: AuditReport, metric: str) -> tuple[float, float] | None:
    gap = report.gaps.get(metric)
    if gap is None:
        return None
    best = next(group.metrics[metric].value for group in report.by_culture if group.group == gap.best)
    worst = next(group.metrics[metric].value for group in report.by_culture if group.group == gap.worst)
    return (best - gap.minimum_detectable, best) if best >= worst else (best, best + gap.minimum_detectable)


def reliability_of(result: AuditResult, language: str, *, marked: str | None = None) -> go.Figure | None:
    """Accuracy against confidence of all rows and of one group; None where the table has no probabilities."""
    names = [f"p_{label}" for label in result.report.classes]
    if result.report.task != "sentiment" or "ece" not in result.report.overall.metrics:
        return None
    rows = result.rows.filter(result.rows[GROUP].is_valid())
    said = np.asarray([name.strip() for name in rows[result.columns.prediction].to_pylist()])
    places = {label: place for place, label in enumerate(result.report.classes)}
    probabilities = np.stack([np.asarray(rows[name].cast("float64")) for name in names], axis=1)
    confidences = probabilities[np.arange(len(said)), [places[label] for label in said.tolist()]]
    correct = np.asarray(rows[CORRECT])
    own = np.asarray(rows[GROUP].cast("string")) == marked
    bins = reliability_bins(confidences[own], correct[own]) if own.any() else None
    return reliability(reliability_bins(confidences, correct), bins, overall_title=say(language, "all-rows"), culture_title=shown(marked or ""),
                       confidence_title=say(language, "confidence"), accuracy_title=say(language, "metric-name-accuracy"),
                       share_title=say(language, "share-of-rows"))
