"""The figures of a report, the same on the page and in the audit card."""

from __future__ import annotations

import plotly.graph_objects as go

from audit.audit_figures import reliability
from audit.figures import culture_dots
from audit.reliability import ConfidentRows, confident_rows
from audit.report import RATIOS, AuditReport
from audit.run import AuditResult
from audit.wording import metric_name, say, shown
from audit.world import regions, unmapped, world_map


def dots(report: AuditReport, metric: str, language: str, *, marked: str | None = None) -> go.Figure:
    """The groups sorted by a metric; shaded is what could not be told from the best."""
    groups = [group for group in report.by_culture if metric in group.metrics]
    return culture_dots(groups, report.overall, metric=metric, title=metric_name(language, metric), scale=1 if metric in RATIOS else 100, marked=marked,
                        band=_band(report, metric), overall_title=say(language, "all-rows"))


def is_mapped(report: AuditReport, metric: str) -> bool:
    """Whether each group is a region of its own and the metric has a better end."""
    return metric in report.gaps and bool(regions([group.group for group in report.by_culture]))


def world(report: AuditReport, metric: str, language: str) -> go.Figure:
    """The groups on a map, where `is_mapped` says that there is one."""
    gap, groups = report.gaps[metric], [group for group in report.by_culture if metric in group.metrics]
    values = {group.group: group.metrics[metric].value for group in groups}
    return world_map(groups, metric, title=metric_name(language, metric), scale=1 if metric in RATIOS else 100,
                     higher_is_better=values[gap.best] >= values[gap.worst])


def world_note(report: AuditReport, language: str) -> str:
    """How the map is to be read, and which groups it lacks."""
    missing = unmapped([group.group for group in report.by_culture])
    return say(language, "map-note") + (" " + say(language, "map-missing", groups=", ".join(map(shown, missing))) if missing else "")


def _band(report: AuditReport, metric: str) -> tuple[float, float] | None:
    gap = report.gaps.get(metric)
    if gap is None:
        return None
    best = next(group.metrics[metric].value for group in report.by_culture if group.group == gap.best)
    worst = next(group.metrics[metric].value for group in report.by_culture if group.group == gap.worst)
    return (best - gap.minimum_detectable, best) if best >= worst else (best, best + gap.minimum_detectable)


def reliability_of(result: AuditResult, language: str, *, marked: str | None = None) -> go.Figure | None:
    """Accuracy against confidence of all rows and of one group; None where the table has no probabilities."""
    rows = confident_rows(result)
    return None if rows is None else draw_reliability(rows, language, marked=marked)


def draw_reliability(rows: ConfidentRows, language: str, *, marked: str | None = None) -> go.Figure:
    """The same from rows that are read already."""
    return reliability(rows.bins(), None if marked is None else rows.bins(marked), overall_title=say(language, "all-rows"), culture_title=shown(marked or ""),
                       confidence_title=say(language, "confidence"), accuracy_title=say(language, "metric-name-accuracy"),
                       share_title=say(language, "share-of-rows"))
