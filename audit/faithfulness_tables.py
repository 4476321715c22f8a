"""The tables of how faithful explanations are, the same on the page, in downloads and of the command."""

from __future__ import annotations

from dataclasses import astuple

from audit.faithfulness_by_culture import MEANS, FaithfulnessByCulture
from audit.report_tables import ReportTable
from audit.wording import say, shown
from models.metrics import Interval
from xai.rankings import VERDICTS

SHORT = {"not better than chance": "not-better", "worse than chance": "worse", "cannot tell": "cannot-tell"}  # names of columns


def methods_table(found: FaithfulnessByCulture) -> ReportTable:
    """The values of every method over all rows, in each culture, and in rows of similar length, with the interval of the percentile."""
    rows = []
    for part in (*found.overall, *found.by_culture, *found.by_length):
        percentile, *means = [part.metrics.get(name) for name in MEANS]
        rows.append((part.method, shown(part.group), part.count, *_cells(percentile), *(part.metrics[name].value for name in VERDICTS),
                     *(None if mean is None else mean.value for mean in means)))
    return ReportTable(("method", "group", "count", "percentile", "low", "high", *(SHORT.get(name, name) for name in VERDICTS), "comprehensiveness",
                        "sufficiency", "tau"), tuple(rows))


def measures_table(found: FaithfulnessByCulture) -> ReportTable:
    """Every value of `methods_table` with its interval, one a row."""
    rows = [(part.method, shown(part.group), part.count, name, *_cells(value))
            for part in (*found.overall, *found.by_culture, *found.by_length) for name, value in part.metrics.items()]
    return ReportTable(("method", "group", "count", "measure", "value", "low", "high"), tuple(rows))


def gaps_table(found: FaithfulnessByCulture, language: str) -> ReportTable:
    """The gap between cultures by method, and the same at equal lengths."""
    rows = []
    for method, gap in found.gaps.items():
        even = found.even_gaps.get(method)
        rows.append((method, shown(gap.best), shown(gap.worst), gap.value, gap.low, gap.high, gap.p_value, gap.q_value,
                     say(language, f"verdict-name-{gap.verdict.replace(' ', '-')}"), *((None,) * 4 if even is None else (
                         even.value, even.low, even.high, say(language, f"verdict-name-{even.verdict.replace(' ', '-')}")))))
    return ReportTable(("method", "best", "worst", "gap", "low", "high", "p", "q", "verdict", "even-gap", "even-low", "even-high", "even-verdict"), tuple(rows))


def method_pairs_table(found: FaithfulnessByCulture) -> ReportTable:
    """Every pair of methods by their percentiles."""
    rows = [(pair.first, pair.second, pair.difference.value, pair.difference.low, pair.difference.high, pair.p_value, pair.q_value) for pair in found.pairs]
    return ReportTable(("first", "second", "difference", "low", "high", "p", "q"), tuple(rows))


def rows_table(found: FaithfulnessByCulture, names: tuple[str, ...]) -> ReportTable:
    """Every explanation that was measured; rows are numbered from 1.

    Args:
        found: What was measured.
        names: Of the cultures.
    """
    rows = [(one.row + 1, shown(names[one.group]), one.method, one.words, one.verdict, one.percentile, one.comprehensiveness, one.sufficiency,
             one.kendall_tau) for one in found.rows]
    return ReportTable(("row", "group", "method", "words", "verdict", "percentile", "comprehensiveness", "sufficiency", "tau"), tuple(rows))


def _cells(value: Interval | None) -> tuple[float | None, ...]:
    return (None, None, None) if value is None else astuple(value)
