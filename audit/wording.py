"""What a report says in words, in the languages of the interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audit.gaps import Gap
from audit.repair import MOST_ROWS, GapChange, RepairPreview
from audit.report import RATIOS, AuditReport
from models.messages import message
from models.text import visible_marks

FOLDER = Path(__file__).parent / "locales"
OF_CLASS = ("precision_", "recall_")
SCORES = ("bleu", "chrf", "ter", "rouge_l")  # on no common scale for different target languages
NAME_CHARACTERS = 60  # of a group or class in a sentence


def say(language: str, key: str, /, **values: Any) -> str:
    """The text of a key in a language.

    Raises:
        ConfigError: The catalogue has no such key or a value is missing.
    """
    return message(FOLDER, language, key, values)


def metric_name(language: str, metric: str) -> str:
    """The name of a metric key such as recall_positive."""
    for kind in OF_CLASS:
        if metric.startswith(kind):
            return say(language, f"metric-name-{kind[:-1]}", **{"class": shown(metric.removeprefix(kind))})
    return say(language, f"metric-name-{metric}")


def verdict(language: str, metric: str, gap: Gap) -> str:
    """One sentence that says what may be said of a gap, never without its interval."""
    digits = 3 if metric in RATIOS else 1
    return say(language, f"verdict-{gap.verdict.replace(' ', '-')}", metric=metric_name(language, metric), best=shown(gap.best), worst=shown(gap.worst),
               **{name: f"{getattr(gap, name):.{digits}f}" for name in ("value", "low", "high", "budget")}, detectable=f"{gap.minimum_detectable:.{digits}f}")


def verdict_lines(language: str, report: AuditReport, metric: str) -> list[str]:
    """The verdict on a metric, what speaks against reading it so, and the gap on equal terms where it is known."""
    if metric not in report.gaps:
        if metric in report.signature.get("incomparable", {}):
            return [say(language, "verdict-incomparable", metric=metric_name(language, metric), languages=", ".join(report.signature["target_languages"]))]
        return [say(language, "verdict-one-group")] if len(report.by_culture) < 2 else []
    lines = [verdict(language, metric, report.gaps[metric])]
    targets = report.signature.get("target_languages", [])
    if metric in SCORES and len(targets) > 1:
        lines.append(say(language, "verdict-languages", metric=metric_name(language, metric), languages=", ".join(map(shown, targets))))
    if not isinstance(report.adjusted, str) and metric in report.adjusted.gaps:
        gap = report.adjusted.gaps[metric]
        lines.append(say(language, "verdict-adjusted", best=shown(gap.best), worst=shown(gap.worst),
                         **{name: f"{getattr(gap, name):.1f}" for name in ("value", "low", "high")}))
    return lines


def budget_sentence(language: str, metric: str, gap: Gap) -> str:
    """That a gap is proven larger than its budget."""
    return say(language, "budget-exceeded", metric=metric_name(language, metric), best=shown(gap.best), worst=shown(gap.worst),
               **{name: f"{getattr(gap, name):.3g}" for name in ("value", "low", "high", "budget")})


def repair_sentence(language: str, metric: str, gap: GapChange) -> str:
    """What becomes of the gap by a metric."""
    digits = 3 if metric in RATIOS else 1
    return say(language, "repair-gap", metric=metric_name(language, metric), before=f"{gap.before.value:.{digits}f}", after=f"{gap.after.value:.{digits}f}",
               **{name: f"{value:+.{digits}f}" for name, value in (("change", gap.change.value), ("low", gap.change.low), ("high", gap.change.high))})


def repair_note(language: str, preview: RepairPreview) -> str:
    """What a repair preview rests on."""
    note = say(language, "card-repair-note")
    return f"{note} {say(language, 'repair-sampled', count=len(preview.sampled), most=MOST_ROWS)}" if preview.sampled else note


def searched_rows(language: str, searched: int, report: AuditReport) -> str:
    """How many of the rows were looked through."""
    count = sum(group.count for group in report.by_culture)
    return say(language, "card-searched", searched=searched) if searched == count else say(language, "card-sampled", searched=searched, all=count)


def shown(name: str) -> str:
    """A name out of somebody's table, short and without characters that hide."""
    name = visible_marks(name)
    return name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"
