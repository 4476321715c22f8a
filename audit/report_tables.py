"""The tables of a report, the same on the page, in the audit card and in downloads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.agreement import AgreementReport
from audit.error_tree import ErrorNode
from audit.error_words import ErrorWords
from audit.gaps import Gap
from audit.repair import Repair
from audit.report import RATIOS, AuditReport
from audit.slices import SliceReport
from audit.wording import metric_name, say, shown
from models.metrics import Interval


@dataclass(frozen=True)
class ReportTable:
    """Rows under named columns.

    Attributes:
        columns: Keys of the names, which `named` says in words (columns,).
        rows: Cells: texts, numbers or None (rows, columns).
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def named(self, language: str) -> list[str]:
        """The names of the columns; a metric's own name where a column is one."""
        return [metric_name(language, key.removeprefix("metric:")) if key.startswith("metric:") else say(language, f"column-{key}") for key in self.columns]


def groups_table(report: AuditReport, metric: str) -> ReportTable:
    """One metric of every group and of all rows, sorted by value, with interval and count."""
    measured = sorted((group for group in report.by_culture if metric in group.metrics), key=lambda group: group.metrics[metric].value)
    rows = [(shown(group.group), group.count, group.metrics[metric].value, group.metrics[metric].low, group.metrics[metric].high)
            for group in (*([report.overall] if metric in report.overall.metrics else []), *measured)]
    return ReportTable(("group", "count", f"metric:{metric}", "low", "high"), tuple(rows))


def metrics_table(report: AuditReport) -> ReportTable:
    """Every metric of every group as value [low, high]."""
    names = report.metrics
    rows = [(shown(group.group), group.count, *(_spelt(name, group.metrics[name]) if name in group.metrics else "–" for name in names))
            for group in (report.overall, *report.by_culture)]
    return ReportTable(("group", "count", *(f"metric:{name}" for name in names)), tuple(rows))


def gaps_table(report: AuditReport, language: str) -> ReportTable:
    """Best against worst by metric, and on equal terms."""
    adjusted = {} if isinstance(report.adjusted, str) else report.adjusted.gaps
    rows = []
    for name, gap in report.gaps.items():
        detectable = f"{gap.minimum_detectable:.{3 if name in RATIOS else 1}f}"
        rows.append((metric_name(language, name), shown(gap.best), shown(gap.worst), _spelt(name, gap), _ratio(gap), _chance(gap.p_value), _chance(gap.q_value),
                     detectable, f"{gap.budget:g}", say(language, f"verdict-name-{gap.verdict.replace(' ', '-')}"),
                     _spelt(name, adjusted[name]) if name in adjusted else "–"))
    return ReportTable(("metric", "best", "worst", "gap", "ratio", "p", "q", "detectable", "budget", "verdict", "adjusted"), tuple(rows))


def pairs_table(report: AuditReport, metric: str) -> ReportTable:
    """Every pair of groups by one metric."""
    rows = [(shown(pair.first), shown(pair.second), pair.difference.value, pair.difference.low, pair.difference.high, pair.p_value, pair.q_value)
            for pair in report.pairs.get(metric, [])]
    return ReportTable(("first", "second", "difference", "low", "high", "p", "q"), tuple(rows))


def mcnemar_table(report: AuditReport) -> ReportTable:
    """The test of every pair of a parallel table."""
    rows = [(shown(test.first), shown(test.second), test.only_first, test.only_second, test.p_value, test.q_value) for test in report.mcnemar]
    return ReportTable(("first", "second", "only-first", "only-second", "p", "q"), tuple(rows))


def slices_table(found: SliceReport) -> ReportTable:
    """Slices with more errors than the rest of their groups."""
    rows = [(" & ".join(shown(name) for name in part.features), part.count, part.errors, part.rate, part.rest_rate, part.difference.value, part.difference.low,
             part.difference.high, part.q_value) for part in found.slices]
    return ReportTable(("slice", "count", "errors", "rate", "rest", "difference", "low", "high", "q"), tuple(rows))


def words_table(found: ErrorWords, group: str) -> ReportTable:
    """Words over-represented in the errors of a group."""
    rows = [(shown(word.word), word.errors, word.right, word.log_odds, word.z, word.q_value) for word in found.by_culture.get(group, ())]
    return ReportTable(("word", "in-errors", "in-right", "log-odds", "z", "q"), tuple(rows))


def tree_table(root: ErrorNode) -> ReportTable:
    """The nodes of an error tree from the root on, each with the answers that lead to it."""
    rows: list[tuple[Any, ...]] = []

    def walk(node: ErrorNode, answers: tuple[str, ...]) -> None:
        low, high = (node.rate.low, node.rate.high) if node.rate else (None, None)
        rows.append((" · ".join(answers) or "–", node.count, node.errors, node.rate.value if node.rate else None, low, high, node.q_value))
        if node.present is not None and node.absent is not None:
            walk(node.present, (*answers, shown(node.feature)))
            walk(node.absent, (*answers, f"¬ {shown(node.feature)}"))

    walk(root, ())
    return ReportTable(("condition", "count", "errors", "rate", "low", "high", "q"), tuple(rows))


def agreement_table(found: AgreementReport) -> ReportTable:
    """How far people agree in each group, as value [low, high]."""
    names = ("observed_agreement", "fleiss_kappa", "human_accuracy")
    rows = [(shown(group.group), group.count, *(_spelt("brier" if name == "fleiss_kappa" else name, group.metrics[name]) if name in group.metrics else "–"
                                                for name in names)) for group in (found.overall, *found.by_culture)]
    return ReportTable(("group", "count", "agreement", "kappa", "ceiling"), tuple(rows))


def repair_table(repair: Repair, metric: str) -> ReportTable:
    """One metric of every group before and after a repair, with the interval of the change, and how many rows become right and wrong."""
    rows = [(shown(group.group), group.count, group.metrics[metric].before, group.metrics[metric].after, group.metrics[metric].change.value,
             group.metrics[metric].change.low, group.metrics[metric].change.high, group.mended, group.broken)
            for group in (repair.overall, *repair.by_culture) if metric in group.metrics]
    return ReportTable(("group", "count", "before", "after", "change", "low", "high", "mended", "broken"), tuple(rows))


def left_out_table(report: AuditReport, language: str) -> ReportTable:
    """Rows that were not measured, by reason, and groups that were too small."""
    rows = [(shown(reason), count) for reason, count in report.left_out.items()]
    small = say(language, "card-small", minimum=report.signature["minimum_group"])
    rows += [(f"{small}: {shown(name)}", count) for name, count in sorted(report.small.items())]
    return ReportTable(("reason", "count"), tuple(rows))


def main_metric(report: AuditReport) -> str:
    """The metric that is shown first."""
    return next((name for name in ("macro_f1", "chrf") if name in report.metrics), report.metrics[0])


def _spelt(metric: str, value: Gap | Interval) -> str:
    digits = 3 if metric in RATIOS else 1
    return f"{value.value:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def _ratio(gap: Gap) -> str:
    return f"{gap.ratio.value:.2f} [{gap.ratio.low:.2f}, {gap.ratio.high:.2f}]" if gap.ratio else "–"


def _chance(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
