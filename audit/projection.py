"""Embeddings on a plane: PCA, or t-SNE after it, with how far the plane keeps the neighbours."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models.errors import ConfigError, InputError
from models.progress import Progress, no_progress

TSNE_NAME, PCA_NAME = "tsne", "pca"
PERPLEXITY = 30.0  # scikit-learn's own; less where there are few rows
COMPONENTS = 50  # of the PCA before t-SNE
TRUSTED_NEIGHBOURS = 10
MINIMUM = 10  # rows


@dataclass(frozen=True)
class Projection:
    """Rows on a plane.

    Attributes:
        coordinates: (rows, 2), float64; axes and unit mean nothing after t-SNE.
        method: "tsne" or "pca".
        perplexity: Of t-SNE; None without it.
        explained: Share of the variance (0-1) that the plane keeps; None after t-SNE.
        trustworthiness: 0-1 (Venna & Kaski 2001): 1 where all neighbours on the plane are neighbours among the embeddings.
        neighbours: Nearest rows that it looks at.
        seed: Of PCA and t-SNE.
    """

    coordinates: np.ndarray
    method: str
    perplexity: float | None
    explained: float | None
    trustworthiness: float
    neighbours: int
    seed: int

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "coordinates": self.coordinates.tolist()}

    def spelt(self) -> dict[str, str]:
        """The values of the sentence map-trust."""
        return {"method": self.method, "perplexity": "–" if self.perplexity is None else f"{self.perplexity:g}", "neighbours": str(self.neighbours),
                "explained": "–" if self.explained is None else f"{100 * self.explained:.0f}", "trust": f"{self.trustworthiness:.2f}", "seed": str(self.seed)}


def unit_length(embeddings: np.ndarray) -> np.ndarray:
    """The same directions with length 1 (rows, features), so that Euclidean neighbours are those by cosine; zeros stay zeros."""
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return np.asarray(embeddings / np.where(lengths > 0, lengths, 1))


def project(embeddings: np.ndarray, *, method: str = TSNE_NAME, seed: int = 1, progress: Progress = no_progress) -> Projection:
    """A plane on which rows lie near those whose embeddings are similar by cosine.

    t-SNE (van der Maaten & Hinton 2008) begins at the PCA, as Kobak & Berens (2019) advise, of at most COMPONENTS components.

    Args:
        embeddings: (rows, features).
        method: "tsne", or "pca" alone, which is linear and faster.
        seed: Of PCA and t-SNE.
        progress: Told steps done; t-SNE is one step, which cannot be stopped half-way.

    Raises:
        ConfigError: There is no such method.
        InputError: There are fewer than MINIMUM rows, or all are the same.
        Cancelled: `progress` asked to stop.
    """
    if method not in (TSNE_NAME, PCA_NAME):
        raise ConfigError(f"There is no projection {method!r}; choose {TSNE_NAME} or {PCA_NAME}.")
    count = len(embeddings)
    if count < MINIMUM:
        raise InputError(f"There are {count} rows to place, expected {MINIMUM} or more; choose more rows.", key="projection-few")
    points = unit_length(embeddings.astype(np.float64))
    if np.ptp(points, axis=0).max() < 1e-9:
        raise InputError(f"All {count} rows are the same to the model, so there is no plane to place them on; choose other rows.", key="projection-same")
    progress(0, 3)
    reduced = PCA(min(COMPONENTS, *points.shape), svd_solver="full", random_state=seed).fit(points)
    places, perplexity = reduced.transform(points), None
    progress(1, 3)
    if method == TSNE_NAME:
        perplexity = min(PERPLEXITY, (count - 1) / 3)
        places = _quietly(lambda: TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(places))
    progress(2, 3)
    plane = np.pad(places[:, :2], ((0, 0), (0, max(0, 2 - places.shape[1])))).astype(np.float64)
    neighbours = min(TRUSTED_NEIGHBOURS, (count - 1) // 2)
    trust = float(trustworthiness(points, plane, n_neighbors=neighbours))
    progress(3, 3)
    explained = None if method == TSNE_NAME else float(reduced.explained_variance_ratio_[:2].sum())
    return Projection(plane, method, perplexity, explained, trust, neighbours, seed)


def _quietly(fit: Callable[[], np.ndarray]) -> np.ndarray:
    """t-SNE on one thread: on busy cores several wait for one another for minutes. Equal rows make it warn of a division; what it gives is finite."""
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return fit()
