"""Where the errors are: slices, an error tree and words, searched for in a sample of the rows that is large enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from audit.columns import AuditColumns, GroupedRows
from audit.error_tree import ErrorNode, fit_error_tree
from audit.error_words import ErrorWords, error_words
from audit.features import Features, text_features
from audit.slices import SliceReport, find_slices
from audit.table import AuditTable
from models.errors import InputError
from models.progress import Progress, no_progress

MOST_SEARCHED = 50_000  # rows; more find hardly more, and the texts of a million take minutes to look through


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        numbers: Rows that were searched, from 1, in their order (rows,).
        features: Of these rows.
        slices: Those with more errors than the rest of their groups.
        tree: Questions that part errors from the rest; None with too few rows for two halves.
        words: Over-represented in the errors of each group.
    """

    numbers: np.ndarray
    features: Features
    slices: SliceReport
    tree: ErrorNode | None
    words: ErrorWords

    def rows_of(self, names: tuple[str, ...]) -> np.ndarray:
        """Numbers of the searched rows that have all of these features (rows,)."""
        return np.asarray(self.numbers[self.features.rows_with(names)])

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"searched": len(self.numbers), "slices": self.slices.to_json_dict(), "tree": None if self.tree is None else self.tree.to_json_dict(),
                "words": self.words.to_json_dict()}


def find_errors(
    table: AuditTable, rows: GroupedRows, errors: np.ndarray, columns: AuditColumns, *, minimum: int, seed: int, progress: Progress = no_progress
) -> Findings | None:
    """Searches the rows that are measured; None where the table has no column of texts.

    Args:
        table: With the columns of texts and of features.
        rows: Which group each row is in.
        errors: Whether each row is wrong (rows,).
        columns: Which hold texts and features.
        minimum: Rows of the smallest slice.
        seed: Of the sample.
        progress: May raise Cancelled.

    Raises:
        InputError: A column of features is missing, or has the name of a feature of texts.
        Cancelled: `progress` asked to stop.
    """
    if columns.text not in table.columns.column_names:
        return None
    member = np.flatnonzero(rows.groups >= 0)
    if len(member) > MOST_SEARCHED:
        member = np.sort(np.random.default_rng(seed).choice(member, MOST_SEARCHED, replace=False))
    progress(0, len(member))
    texts = table.texts(columns.text).take(member).to_pylist()
    extra = {name: table.texts(name).take(member).to_pylist() for name in columns.features}
    features = text_features(texts, extra=extra, minimum=min(minimum, max(1, len(member) // 2)))
    wrong, groups = errors[member], rows.groups[member]
    progress(len(member) // 3, len(member))
    slices = find_slices(features, wrong, groups=groups, minimum=minimum)
    progress(2 * len(member) // 3, len(member))
    words = error_words(texts, wrong, groups, rows.names)
    tree = fit_error_tree(features, wrong, minimum=minimum, seed=seed) if len(member) >= 4 * minimum else None
    progress(len(member), len(member))
    return Findings(member + 1, features, slices, tree, words)


def check_features(columns: AuditColumns, table: AuditTable) -> None:
    """Raises InputError where a column of features or annotators is missing, before the work."""
    for name in (*columns.features, *columns.annotators):
        table.texts(name)
    if len(columns.annotators) == 1:
        raise InputError(f"One column of annotators is named ({columns.annotators[0]}), agreement needs two or more; name one for each person.")
