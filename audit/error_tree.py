"""A small tree of questions about a row that part the errors from the rest, grown on one half of the rows and told of the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix
from scipy.stats import binomtest, hypergeom
from sklearn.tree import DecisionTreeClassifier

from audit.features import WORD, Features
from audit.gaps import adjust
from models.errors import ConfigError, InputError
from models.metrics import Interval

LEVEL = 0.05  # of the q-value of a split, and the share of intervals that miss
COMMON = 0.01  # share of rows below which a word asks no question


@dataclass(frozen=True)
class ErrorNode:
    """Rows that have given the same answers, all of the half that the tree was not grown on.

    Attributes:
        count, errors: Rows, and how many of them are wrong.
        rate: Share of errors (0-100) with its 95 % interval (Wilson 1927); None without rows.
        feature: What the node asks; "" for a leaf.
        q_value: Of the split: chance that the halves agree on which side is worse by as much as they do if the question told nothing, after
            Benjamini-Hochberg over the splits of the tree (0-1); None for a leaf.
        absent, present: The rows without and with the feature; None for a leaf.
    """

    count: int
    errors: int
    rate: Interval | None
    feature: str = ""
    q_value: float | None = None
    absent: ErrorNode | None = None
    present: ErrorNode | None = None

    def __post_init__(self) -> None:
        """Raises InputError for a node that asks and has no two sides, or the other way round."""
        parts = [self.q_value is not None, self.absent is not None, self.present is not None]
        if parts != [bool(self.feature)] * 3:
            raise InputError(f"A node asks {self.feature!r} and has {sum(parts)} of a q-value and two sides; give it all three, or none where it asks nothing.")

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {**vars(self), "rate": None if self.rate is None else vars(self.rate),
                **{name: None if node is None else node.to_json_dict() for name, node in (("absent", self.absent), ("present", self.present))}}


def fit_error_tree(features: Features, errors: np.ndarray, *, depth: int = 3, minimum: int = 30, seed: int = 1) -> ErrorNode:
    """The root of the tree; a lone leaf where no question holds on both halves.

    One half of the rows, drawn at random, grows the tree (CART, Breiman et al. 1984). The other half gives every count and rate, and tests each split: whether
    the side that was worse is worse here too, exactly and one-sided (Fisher 1934). A split with q of LEVEL or more becomes a leaf unless one below it holds.

    Args:
        features: Of every row; words in less than COMMON of the rows are not asked for.
        errors: Whether a row is wrong (rows,).
        depth: Questions in a row at most.
        minimum: Rows of the smallest leaf in the half that grows the tree.
        seed: Of the halves and of ties between questions.

    Raises:
        InputError: Errors are not one for each row, or there are too few rows for two halves with two leaves each.
        ConfigError: A setting is out of range.
    """
    rows = features.values.shape[0]
    if depth < 1 or minimum < 1:
        raise ConfigError(f"The tree has the depth {depth} and leaves of {minimum} rows or more, expected at least 1 of both.")
    if errors.shape != (rows,):
        raise InputError(f"There are errors {errors.shape} of {rows} rows with features; give one for every row.")
    if rows < 4 * minimum:
        raise InputError(f"There are {rows} rows, too few for two halves of two leaves of {minimum}; give {4 * minimum} or more, or ask for smaller leaves.")
    order = np.random.default_rng(seed).permutation(rows)
    grown, told = order[: rows // 2], order[rows // 2 :]
    counts = np.asarray(features.values.sum(0)).ravel()
    asked = np.array([count >= COMMON * rows or not name.startswith(WORD) for name, count in zip(features.names, counts, strict=True)], dtype=bool)
    names = [name for name, keep in zip(features.names, asked, strict=True) if keep]
    values = features.values[:, asked].astype(np.float32)
    wrong = errors.astype(bool)
    if not names:
        return _leaf(wrong[told])
    model = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=minimum, random_state=seed).fit(values[grown], wrong[grown])
    return _prune(_with_q_values(_tell(model.tree_, 0, values.tocsc(), told, wrong, names)))


def _leaf(wrong: np.ndarray) -> ErrorNode:
    count, errors = len(wrong), int(wrong.sum())
    if not count:
        return ErrorNode(0, 0, None)
    found = binomtest(errors, count).proportion_ci(confidence_level=1 - LEVEL, method="wilson")
    return ErrorNode(count, errors, Interval(100 * errors / count, 100 * float(found.low), 100 * float(found.high)))


def _tell(tree: Any, node: int, values: csc_matrix, rows: np.ndarray, wrong: np.ndarray, names: list[str]) -> ErrorNode:
    """A node of the grown tree and all below, with rows of the other half; q_value is a p-value still."""
    leaf, absent, present = _leaf(wrong[rows]), int(tree.children_left[node]), int(tree.children_right[node])
    if absent < 0:
        return leaf
    place = int(tree.feature[node])
    has = values[:, [place]].toarray().ravel()[rows] > 0
    grown = tree.value[[absent, present], 0, -1]  # shares of errors, the last class, in the half that grew the tree
    worse = has if grown[1] > grown[0] else ~has
    p_value = float(hypergeom.sf((wrong[rows] & worse).sum() - 1, len(rows), leaf.errors, worse.sum()))
    return replace(leaf, feature=names[place], q_value=p_value, absent=_tell(tree, absent, values, rows[~has], wrong, names),
                   present=_tell(tree, present, values, rows[has], wrong, names))


def _with_q_values(root: ErrorNode) -> ErrorNode:
    q_values = iter(adjust(_p_values(root)))

    def adjusted(node: ErrorNode) -> ErrorNode:
        if node.absent is None or node.present is None:
            return node
        return replace(node, q_value=next(q_values), absent=adjusted(node.absent), present=adjusted(node.present))

    return adjusted(root)


def _p_values(node: ErrorNode) -> list[float]:
    """Of all splits, each before those below it."""
    if node.absent is None or node.present is None or node.q_value is None:
        return []
    return [node.q_value, *_p_values(node.absent), *_p_values(node.present)]


def _prune(node: ErrorNode) -> ErrorNode:
    if node.absent is None or node.present is None or node.q_value is None:
        return node
    absent, present = _prune(node.absent), _prune(node.present)
    if node.q_value >= LEVEL and not absent.feature and not present.feature:
        return ErrorNode(node.count, node.errors, node.rate)
    return replace(node, absent=absent, present=present)
