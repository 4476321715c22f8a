"""The audit card: one HTML file that opens offline and carries metrics, gaps, figures and settings of an audit."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from plotly.io import to_html

from audit.audit_figures import gap_matrix
from audit.drawings import dots, draw_reliability, is_mapped, world, world_note
from audit.figures import confusion_heatmap
from audit.findings import Findings
from audit.reliability import ConfidentRows, confident_rows, reliability_table
from audit.repair import RepairPreview
from audit.report import AuditReport, GroupResult
from audit.report_tables import (
    ReportTable,
    agreement_table,
    gaps_table,
    left_out_table,
    main_metric,
    mcnemar_table,
    metrics_table,
    slices_table,
    tree_table,
    words_table,
)
from audit.run import AuditResult
from audit.wording import metric_name, repair_note, repair_sentence, say, searched_rows, shown, verdict_lines

TEMPLATE = "card.html.j2"
MOST_FIGURES = 12  # groups whose confusion and reliability are drawn; all counts stand in report.json
KINDS = {"gap": "gap", "no gap": "none", "cannot tell": "unsure"}
LIMITS = ("sample", "cause", "labels")


@dataclass(frozen=True)
class Content:
    """A table as the template draws it: names, cells as texts, and which columns hold numbers."""

    names: list[str]
    rows: list[list[str]]
    numbers: set[int]


@dataclass(frozen=True)
class Drawing:
    """A figure with a title."""

    title: str
    html: Markup


@dataclass(frozen=True)
class Section:
    """A part of the card; what is empty is not drawn."""

    title: str
    note: str = ""
    figures: list[Drawing] = field(default_factory=list)
    tables: list[Content] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    code: str = ""


class _Figures:
    """Figures as HTML; the first brings the library along, so that the file needs nothing else."""

    def __init__(self) -> None:
        self._drawn = 0

    def draw(self, figure: go.Figure, title: str = "") -> Drawing:
        figure.layout.template = "plotly"  # Streamlit changes that of its process, and the axes of its own make no room for labels
        figure.update_layout(paper_bgcolor="#ffffff", plot_bgcolor="#ffffff")
        html = to_html(figure, full_html=False, include_plotlyjs=not self._drawn, div_id=f"figure-{self._drawn}",
                       config={"displaylogo": False, "responsive": True, "toImageButtonOptions": {"format": "svg"}})
        self._drawn += 1
        return Drawing(title, Markup(html))  # Plotly escapes what stands in its JSON


def card_html(result: AuditResult, language: str) -> str:
    """The card in a language of the interface."""
    report, figures = result.report, _Figures()
    say_ = functools.partial(say, language)
    model = report.signature["model"]
    sections = [_by_culture(report, language, figures), *_map(report, language, figures),
                Section(say_("card-gaps"), say_("card-gaps-note"), tables=[_content(gaps_table(report, language), language)])]
    pairs = report.pairs.get(main_metric(report))
    if pairs:
        matrix = gap_matrix(pairs, title=metric_name(language, main_metric(report)))
        sections.append(Section(say_("card-pairs"), say_("card-pairs-note"), [figures.draw(matrix)]))
    if report.mcnemar:
        sections.append(Section(say_("card-mcnemar"), say_("card-mcnemar-note"), tables=[_content(mcnemar_table(report), language)]))
    if report.classes:
        sections.append(_confusions(report, language, figures))
    if result.findings is not None:
        sections += [_slices(result.findings, report, language), _words(result.findings, language), _tree(result.findings, language)]
    rows = confident_rows(result)
    if rows is not None:
        sections.append(_reliability(rows, report, language, figures))
    if result.repair is not None:
        sections.append(_repairs(result.repair, language))
    if result.agreement is not None:
        sections.append(Section(say_("card-human"), say_("card-human-note"), tables=[_content(agreement_table(result.agreement), language)]))
    limits = LIMITS if report.classes else (*LIMITS, "bleu")
    sections += [_left_out(report, language), Section(say_("card-limits"), lines=[say_(f"card-limit-{name}") for name in limits]),
                 Section(say_("card-signature"), code=json.dumps(report.signature, ensure_ascii=False, indent=1))]
    return str(_template().render(
        language=language, title=say_("card-title", data=shown(report.signature["data"])),
        rows=say_("card-rows", count=report.overall.count, groups=len(report.by_culture)),
        model=f"{say_('card-model')}: " + (f"{shown(model['name'])} ({model['fingerprint'][:12]})" if model else say_("card-given")),
        verdicts_title=say_("card-verdicts"), verdicts=_verdicts(report, language), sections=sections))


def _verdicts(report: AuditReport, language: str) -> list[tuple[str, str]]:
    if not report.gaps:
        return [("none", say(language, "verdict-one-group"))]
    return [(KINDS[gap.verdict], " ".join(verdict_lines(language, report, name))) for name, gap in report.gaps.items()]


def _by_culture(report: AuditReport, language: str, figures: _Figures) -> Section:
    drawn = []
    incomparable = report.signature.get("incomparable", {})
    for metric in dict.fromkeys([main_metric(report), *(name for name in report.metrics if name in report.gaps or name in incomparable)]):
        groups = [group for group in report.by_culture if metric in group.metrics]
        if groups:
            drawn.append(figures.draw(dots(report, metric, language), metric_name(language, metric)))
    return Section(say(language, "card-by-culture"), say(language, "card-by-culture-note") + " " + say(language, "card-figures-note"), drawn,
                   [_content(metrics_table(report), language)])


def _map(report: AuditReport, language: str, figures: _Figures) -> list[Section]:
    if not is_mapped(report, main_metric(report)):
        return []
    drawn = figures.draw(world(report, main_metric(report), language), metric_name(language, main_metric(report)))
    return [Section(say(language, "card-map"), world_note(report, language), [drawn])]


def _confusions(report: AuditReport, language: str, figures: _Figures) -> Section:
    return Section(say(language, "card-confusion"), figures=[
        figures.draw(confusion_heatmap(group, report.classes, gold_title=say(language, "gold"), predicted_title=say(language, "predicted")), _headed(group))
        for group in _largest(report)])


def _reliability(rows: ConfidentRows, report: AuditReport, language: str, figures: _Figures) -> Section:
    """Each group beside all rows, and the numbers of all that is drawn."""
    largest = _largest(report)
    drawn = [figures.draw(draw_reliability(rows, language, marked=group.group), _headed(group)) for group in largest]
    table = reliability_table(rows, [group.group for group in largest], language)
    return Section(say(language, "card-reliability"), say(language, "card-reliability-note"), drawn, [_content(table, language)])


def _largest(report: AuditReport) -> list[GroupResult]:
    return sorted(report.by_culture, key=lambda group: -group.count)[:MOST_FIGURES]


def _headed(group: GroupResult) -> str:
    return f"{shown(group.group)}  n={group.count:,}"


def _slices(findings: Findings, report: AuditReport, language: str) -> Section:
    found, note = findings.slices, searched_rows(language, len(findings.numbers), report)
    if not found.slices:
        return Section(say(language, "card-slices"), note + " · " + say(language, "card-slices-none", tested=found.tried))
    return Section(say(language, "card-slices"), note + " · " + say(language, "card-slices-note", tested=found.tried),
                   tables=[_content(slices_table(found), language)])


def _words(findings: Findings, language: str) -> Section:
    found = {name: words for name, words in findings.words.by_culture.items() if words}
    if not found:
        return Section(say(language, "card-words"), say(language, "card-words-none", tested=findings.words.tried))
    tables = [words_table(findings.words, name) for name in found]
    joined = ReportTable(("group", *tables[0].columns), tuple((shown(name), *row) for name, table in zip(found, tables, strict=True) for row in table.rows))
    return Section(say(language, "card-words"), say(language, "card-words-note"), tables=[_content(joined, language)])


def _tree(findings: Findings, language: str) -> Section:
    if findings.tree is None or not findings.tree.feature:
        return Section(say(language, "card-tree"), say(language, "card-tree-none"))
    return Section(say(language, "card-tree"), say(language, "card-tree-note"), tables=[_content(tree_table(findings.tree), language)])


def _repairs(preview: RepairPreview, language: str) -> Section:
    """Every repair by Brier score and macro-F1, in words; the numbers of each group stand in report.json."""
    lines = []
    for repair in preview.repairs:
        for metric in ("brier", "macro_f1"):
            if metric in repair.gaps:
                lines.append(say(language, f"repair-{repair.kind}-{repair.scope}") + ": " + repair_sentence(language, metric, repair.gaps[metric]))
    return Section(say(language, "card-repair"), repair_note(language, preview), lines=lines)


def _left_out(report: AuditReport, language: str) -> Section:
    table = left_out_table(report, language)
    if not table.rows:
        return Section(say(language, "card-left-out"), say(language, "card-left-out-none"))
    return Section(say(language, "card-left-out"), tables=[_content(table, language)])


def _content(table: ReportTable, language: str) -> Content:
    numbers = {place for place in range(len(table.columns)) if all(not isinstance(row[place], str) for row in table.rows)}
    return Content(table.named(language), [[_cell(cell) for cell in row] for row in table.rows], numbers)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 2 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@functools.cache
def _template() -> Template:
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(TEMPLATE)
