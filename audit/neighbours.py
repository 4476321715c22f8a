"""The rows nearest to a text in a model's space, and how much they have in common with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom
from sklearn.neighbors import NearestNeighbors

from audit.projection import unit_length
from models.errors import InputError

NEAREST = 10


@dataclass(frozen=True)
class SharedTrait:
    """How many neighbours have a trait, such as the text's own label.

    Attributes:
        found: Neighbours that have it.
        share: Of the neighbours (0-100).
        chance: What as many rows drawn by lot would have on average (0-100).
        p_value: Chance of as many or more among rows drawn by lot (0-1), hypergeometric.
    """

    found: int
    share: float
    chance: float
    p_value: float


@dataclass(frozen=True)
class Neighbours:
    """The nearest rows.

    Attributes:
        places: Which of the embeddings they are, the nearest first (neighbours,).
        distances: 1 - cosine similarity (neighbours,), 0-2.
        traits: By name.
    """

    places: np.ndarray
    distances: np.ndarray
    traits: dict[str, SharedTrait]


def find_neighbours(
    embeddings: np.ndarray, query: np.ndarray, traits: Mapping[str, np.ndarray], *, own: int | None = None, count: int = NEAREST
) -> Neighbours:
    """The rows nearest to a text by cosine; other rows with the same text are among them.

    Args:
        embeddings: (rows, features).
        query: Embedding of the text (features,).
        traits: Whether each row has a trait (rows,), by its name.
        own: Place of the text among the rows, where it is one of them; it is no neighbour of itself.
        count: Neighbours; all rows where there are fewer.

    Raises:
        InputError: There is no other row, or the embeddings differ in size.
    """
    others = np.flatnonzero(np.arange(len(embeddings)) != (-1 if own is None else own))
    if not len(others) or embeddings.shape[1:] != query.shape:
        raise InputError(f"There are {len(others)} other rows of {embeddings.shape[1:]} features and "
                         f"a text of {query.shape}; give one row or more of its size.")
    count = min(count, len(others))
    points = unit_length(embeddings[others].astype(np.float64))
    index = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points)
    squared, near = index.kneighbors(unit_length(query[None].astype(np.float64)))
    order = np.lexsort((near[0], squared[0]))
    places = others[near[0][order]]
    return Neighbours(places, squared[0][order] ** 2 / 2, {name: _compare(held[places], held[others]) for name, held in traits.items()})


def _compare(near: np.ndarray, others: np.ndarray) -> SharedTrait:
    found = int(near.sum())
    p_value = float(hypergeom.sf(found - 1, len(others), int(others.sum()), len(near)))
    return SharedTrait(found, 100 * found / len(near), 100 * float(others.mean()), p_value)
