"""The same content in several cultures: every item is drawn in all of them at once, so that its difficulty cancels out of the gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from audit.gaps import adjust
from audit.measures import Cells
from models.errors import InputError
from models.metrics import RESAMPLES

BLOCK = 256  # resamples weighted together, so that memory does not grow with their number


@dataclass(frozen=True)
class Parallel:
    """Items that stand in every group.

    Attributes:
        items: Their keys (items,).
        rows: Row number of each item in each group (items, groups).
        incomplete: Items left out because a group lacks them.
    """

    items: np.ndarray
    rows: np.ndarray
    incomplete: int


def align_items(groups: np.ndarray, items: np.ndarray, names: Sequence[str]) -> Parallel:
    """Finds the row of each item in each group.

    Args:
        groups: Number of the group of each row (rows,); rows with a negative one belong to none.
        items: Key of the content of each row (rows,).
        names: Names of the groups, for what is said of them.

    Raises:
        InputError: An item stands twice in a group, or none stands in all.
    """
    member = np.flatnonzero(groups >= 0)
    keys, number = np.unique(items[member], return_inverse=True)
    places = number.astype(np.int64) * len(names) + groups[member]
    counts = np.bincount(places, minlength=len(keys) * len(names))
    if (counts > 1).any():
        first, second = member[places == counts.argmax()][:2] + 1
        item, group = divmod(int(counts.argmax()), len(names))
        raise InputError(f"Rows {first} and {second} are both the item {str(keys[item])!r} in {names[group]}; an item may stand once in a group.")
    flat = np.full(len(counts), -1)
    flat[places] = member
    rows = flat.reshape(len(keys), len(names))
    whole = (rows >= 0).all(1)
    if not whole.any():
        raise InputError(f"No item stands in all of {', '.join(names)}; give items that do, or leave the column of items out.")
    return Parallel(keys[whole], rows[whole], int((~whole).sum()))


def paired_draws(cells: Cells, parallel: Parallel, *, resamples: int = RESAMPLES, seed: int = 1) -> dict[str, np.ndarray]:
    """Every metric in resamples of the items, the same items in all groups (resamples, groups)."""
    count, groups = parallel.rows.shape
    size = cells.counts.shape[1]
    places = np.arange(groups) * size + cells.rows[parallel.rows]
    held, column = np.unique(places, return_inverse=True)  # of many cells few hold rows
    table = np.zeros((count, len(held)), dtype=np.float32)
    np.put_along_axis(table, column.reshape(places.shape), 1, axis=1)
    generator, found = np.random.default_rng(seed), []
    for start in range(0, resamples, BLOCK):
        weights = generator.multinomial(count, np.full(count, 1 / count), size=min(BLOCK, resamples - start))
        counts = np.zeros((len(weights), groups * size))
        counts[:, held] = weights.astype(np.float32) @ table
        counts = counts.reshape(-1, groups, size)
        found.append({name: measure.values(counts, cells.means) for name, measure in cells.measures.items()})
    return cells.loosen({name: np.concatenate([block[name] for block in found]) for name in cells.measures}, seed=seed)


@dataclass(frozen=True)
class McNemar:
    """Two groups on the same items.

    Attributes:
        first, second: Names of the groups.
        only_first, only_second: Items that are right in one of the two only.
        p_value, q_value: Exact and two-sided, of equal accuracy (McNemar 1947); adjusted over all pairs (0-1).
    """

    first: str
    second: str
    only_first: int
    only_second: int
    p_value: float
    q_value: float


def mcnemar(correct: np.ndarray, names: Sequence[str]) -> list[McNemar]:
    """The test for every pair of groups.

    Args:
        correct: Whether each item is right in each group (items, groups).
        names: Of the groups.
    """
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    counts = [(int((correct[:, i] & ~correct[:, j]).sum()), int((correct[:, j] & ~correct[:, i]).sum())) for i, j in pairs]
    p_values = [binomtest(first, first + second).pvalue if first + second else 1.0 for first, second in counts]
    return [McNemar(names[i], names[j], *count, float(p_value), q_value)
            for (i, j), count, p_value, q_value in zip(pairs, counts, p_values, adjust(p_values), strict=True)]
