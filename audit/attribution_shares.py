"""How much of a model's attribution is on identity terms, negation, emoji and stop words, beside how many of the words they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from audit.mean_intervals import mean_interval, ratio_interval
from audit.report_tables import ReportTable
from audit.word_classes import WORD_CLASSES, mark_words
from audit.wording import say, shown
from models.metrics import Interval
from xai.attribution import Attribution

OVERALL = "overall"


@dataclass(frozen=True)
class AttributionShare:
    """One class of words in the rows of one culture.

    Attributes:
        group: The culture, or OVERALL for all of them together.
        word_class: One of WORD_CLASSES.
        count: Explained rows whose words could be looked up.
        held: Of these, the rows that hold a word of the class.
        share: Mean over the rows of the absolute attribution that is on words of the class (0-100), with its 95 % interval.
        words: Mean over the rows of the share of words and marks that are of the class (0-100).
        ratio: Share divided by words, with its 95 % interval: above 1 the model leans on them more than their number says. None where too few rows hold one.
    """

    group: str
    word_class: str
    count: int
    held: int
    share: Interval
    words: float
    ratio: Interval | None

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        plain = asdict(self)
        return {"culture": plain.pop("group"), **plain}


def whole_words(explanation: Attribution) -> Attribution:
    """The words of an explanation, without one that touches the place where the text was cut."""
    words, end = explanation.words(), explanation.truncated_at
    if end is None or explanation.text[end : end + 1].isspace():
        return words
    return replace(words, tokens=words.tokens[:-1], offsets=words.offsets[:-1], word_ids=words.word_ids[:-1], scores=words.scores[:-1])


def class_shares(explanation: Attribution, language: str | None) -> dict[str, tuple[float, float]]:
    """Share of the absolute attribution on the words of each class, and of the words that are of it (0-1); none where no word has a score.

    Args:
        explanation: Of one row.
        language: Whose lists tell the classes; where it has none, there are only emoji.
    """
    words = whole_words(explanation)
    weights = np.abs(words.scores)
    if not weights.sum():
        return {}
    marked = mark_words(words.text, words.offsets, language)
    return {name: (float(weights[own].sum() / weights.sum()), float(own.mean())) for name, own in marked.items()}


def total_shares(
    rows: Sequence[Mapping[str, tuple[float, float]]], groups: Sequence[str], names: Sequence[str], *, minimum: int, resamples: int, seed: int
) -> tuple[AttributionShare, ...]:
    """The means of every class: of all rows together first, then of each culture with two rows or more.

    Args:
        rows: What `class_shares` gives (rows,).
        groups: Name of the culture of each row (rows,).
        names: Of the cultures, in their order.
        minimum: Rows that hold a word of the class, for the ratio to be told.
        resamples: Bootstrap resamples.
        seed: Of the resamples.
    """
    found = []
    for word_class, name in ((word_class, name) for word_class in WORD_CLASSES for name in (OVERALL, *names)):
        own = [row[word_class] for row, group in zip(rows, groups, strict=True) if word_class in row and name in (OVERALL, group)]
        if len(own) < 2:
            continue
        share, words = 100 * np.array(own).T
        held = int((words > 0).sum())
        ratio = ratio_interval(share, words, resamples=resamples, seed=seed) if held >= minimum else None
        found.append(AttributionShare(name, word_class, len(own), held, mean_interval(share, resamples=resamples, seed=seed), float(words.mean()), ratio))
    return tuple(found)


def shares_table(shares: Sequence[AttributionShare], language: str) -> ReportTable:
    """Every class in every culture, all cultures together first."""
    rows = []
    for found in shares:
        ratio = (None, None, None) if found.ratio is None else (found.ratio.value, found.ratio.low, found.ratio.high)
        rows.append((say(language, f"word-class-{found.word_class.replace('_', '-')}"), shown(found.group), found.count, found.held, found.share.value,
                     found.share.low, found.share.high, found.words, *ratio))
    return ReportTable(("word-class", "group", "count", "rows-with-one", "share-of-attribution", "low", "high", "share-of-words", "use", "use-low", "use-high"),
                       tuple(rows))
