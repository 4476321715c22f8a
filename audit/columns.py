"""From the columns of a table to numbers: groups, classes and probabilities of every row that can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute

from audit.table import AuditTable
from models.errors import InputError

SENTIMENTS = ("negative", "neutral", "positive")  # in this order where a table has no other labels
MOST_CLASSES = 50
SHOWN = 5  # row numbers named in a sentence
JOINT = " × "  # between the values of an intersection of columns


@dataclass(frozen=True)
class AuditColumns:
    """Which columns hold what."""

    label: str = "label"
    prediction: str = "prediction"
    cultures: tuple[str, ...] = ("culture",)  # of several, the intersections are the groups
    text: str = "text"
    item: str = ""  # key of the content that stands in several cultures; "" where the table is not parallel
    source_language: str = "source_language"  # of translations, whose text is the source, label the reference, prediction the hypothesis
    target_language: str = "target_language"
    features: tuple[str, ...] = ()  # further columns in which slices are looked for: domain, tags
    annotators: tuple[str, ...] = ()  # labels by single people, for the human ceiling


@dataclass(frozen=True)
class GroupedRows:
    """Rows by group.

    Attributes:
        names: Of the groups, sorted (groups,).
        groups: Number of the group of each row (rows,); -1 for a row that is left out or whose group is too small.
        left_out: Why rows are not measured, and how many.
        small: Groups below the smallest size, with their rows.
    """

    names: tuple[str, ...]
    groups: np.ndarray
    left_out: dict[str, int]
    small: dict[str, int]


@dataclass(frozen=True)
class MeasuredRows(GroupedRows):
    """Rows of a classification as numbers.

    Attributes:
        classes: Of labels and predictions.
        labels, predictions: Number of the class of each row (rows,); anything where the row is left out.
        probabilities: Of each class (rows, classes), 0-1, or None where the table has none.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray | None


Rows = TypeVar("Rows", bound=GroupedRows)


def measure_rows(table: AuditTable, columns: AuditColumns, *, minimum_group: int) -> MeasuredRows:
    """Groups and classes of every row.

    Raises:
        InputError: A column is missing, a prediction is no label of the table, a probability is none, there are too many classes, or no group is large enough.
    """
    whole, left_out = _whole_rows(table, (columns.label, columns.prediction, *columns.cultures))
    classes, labels, predictions = _classes(table, table.texts(columns.label), table.texts(columns.prediction), whole)
    grouped = _group(table, columns, whole, left_out, minimum_group)
    return MeasuredRows(**vars(grouped), classes=classes, labels=labels, predictions=predictions, probabilities=_probabilities(table, classes, whole))


def group_rows(table: AuditTable, columns: AuditColumns, needed: Sequence[str], *, minimum_group: int) -> GroupedRows:
    """Groups of the rows that have something in each of the columns needed.

    Raises:
        InputError: A column is missing, or no group is large enough.
    """
    return _group(table, columns, *_whole_rows(table, (*needed, *columns.cultures)), minimum_group)


def keep_largest(rows: Rows, most: int) -> Rows:
    """The largest groups; the others are counted as left out."""
    if len(rows.names) <= most:
        return rows
    sizes = np.bincount(rows.groups[rows.groups >= 0], minlength=len(rows.names))
    kept = np.sort(np.argsort(-sizes, kind="stable")[:most])
    place = np.full(len(rows.names) + 1, -1)
    place[kept] = np.arange(most)
    left_out = {**rows.left_out, f"groups beyond the {most} largest": int(sizes.sum() - sizes[kept].sum())}
    return replace(rows, names=tuple(rows.names[number] for number in kept), groups=place[rows.groups], left_out=left_out)


def _whole_rows(table: AuditTable, needed: Sequence[str]) -> tuple[np.ndarray, dict[str, int]]:
    """Which rows have something in all columns needed (rows,), and how many lack which."""
    empty = {name: np.asarray(compute.equal(compute.utf8_trim_whitespace(table.texts(name)), "")) for name in dict.fromkeys(needed)}
    whole = ~np.logical_or.reduce(list(empty.values()))
    if not whole.any():
        raise InputError(f"No row of {table.name} has all of {', '.join(empty)}; fill these columns or name others.")
    return whole, {f"empty {name}": int(missing.sum()) for name, missing in empty.items() if missing.any()}


def _group(table: AuditTable, columns: AuditColumns, whole: np.ndarray, left_out: dict[str, int], minimum_group: int) -> GroupedRows:
    names, groups = _groups([table.texts(name) for name in columns.cultures], whole)
    sizes = np.bincount(groups[whole], minlength=len(names))
    kept = np.flatnonzero(sizes >= minimum_group)
    if not len(kept):
        raise InputError(f"The largest of {len(names)} groups has {sizes.max()} rows, the smallest measured is {minimum_group}; give more rows or lower it.")
    place = np.full(len(names) + 1, -1)
    place[kept] = np.arange(len(kept))
    small = {names[number]: int(sizes[number]) for number in np.flatnonzero((sizes > 0) & (sizes < minimum_group))}
    return GroupedRows(tuple(names[number] for number in kept), place[np.where(whole, groups, -1)], left_out, small)


def _codes(column: arrow.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """Distinct values and the number of each row's (rows,)."""
    encoded = compute.utf8_trim_whitespace(column).combine_chunks().dictionary_encode()
    encoded = encoded.chunk(0) if isinstance(encoded, arrow.ChunkedArray) else encoded
    return encoded.dictionary.to_pylist(), np.asarray(encoded.indices)


def _classes(
    table: AuditTable, gold: arrow.ChunkedArray, said: arrow.ChunkedArray, whole: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    (gold_names, labels), (said_names, predictions) = _codes(gold), _codes(said)
    known = {gold_names[number] for number in np.unique(labels[whole])}
    classes = SENTIMENTS if known <= set(SENTIMENTS) else tuple(sorted(known))
    if len(classes) > MOST_CLASSES:
        raise InputError(f"{table.name} has {len(classes)} different labels, at most {MOST_CLASSES} are measured; check which column holds the labels.")
    number = {name: place for place, name in enumerate(classes)}
    unknown = np.array([name not in number for name in said_names])[predictions] & whole
    if unknown.any():
        rows = np.flatnonzero(unknown) + 1
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        raise InputError(f"Row {', '.join(map(str, rows[:SHOWN]))}{more} of {table.name} has the prediction {said_names[predictions[rows[0] - 1]]!r}, "
                         f"which is no label of the table; expected one of {', '.join(classes)}.")
    gold_place, said_place = (np.array([number.get(name, 0) for name in names]) for names in (gold_names, said_names))
    return classes, gold_place[labels], said_place[predictions]


def _groups(columns: Sequence[arrow.ChunkedArray], whole: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names of the groups that hold whole rows, sorted, and the number of each row's (rows,), -1 elsewhere."""
    codes, values = np.zeros(len(whole), dtype=np.int64), [""]
    for number, column in enumerate(columns):
        names, own = _codes(column)
        codes = codes * len(names) + own
        used, codes = np.unique(codes, return_inverse=True)
        values = [(values[place // len(names)] + JOINT if number else "") + names[place % len(names)] for place in used.tolist()]
    held = np.unique(codes[whole])
    order = sorted(held.tolist(), key=lambda place: values[place])
    place = np.full(len(values), -1)
    place[order] = np.arange(len(order))
    return [values[number] for number in order], place[codes]


def _probabilities(table: AuditTable, classes: Sequence[str], whole: np.ndarray) -> np.ndarray | None:
    """Columns p_<class>, which `python -m models predict` writes; None unless all are there."""
    names = [f"p_{name}" for name in classes]
    if not all(name in table.columns.column_names for name in names):
        return None
    found = []
    for name in names:
        try:
            column = compute.replace_with_mask(table.texts(name).combine_chunks(), arrow.array(~whole), arrow.scalar("0"))
            values = np.asarray(column.cast(arrow.float64()), dtype=np.float64)
        except arrow.ArrowInvalid as error:
            raise InputError(f"{table.name} has a value in {name} that is no number ({error}); give probabilities between 0 and 1.") from error
        wrong = np.flatnonzero(~((values >= 0) & (values <= 1)))
        if len(wrong):
            raise InputError(f"Row {wrong[0] + 1} of {table.name} has the value {values[wrong[0]]} in {name}; give probabilities between 0 and 1.")
        found.append(values)
    return np.stack(found, axis=1)
