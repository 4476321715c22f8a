"""What shap's explainers need to explain a text by our own tokens: the other side of comparisons with them."""

from __future__ import annotations

import numpy as np


class TokenMasker:
    """What shap asks of a masker, with features that are our tokens: a mask in, the kept tokens out."""

    def __init__(self, tree: np.ndarray | None, count: int) -> None:
        """Keeps the partition tree (count - 1, 4), the linkage format of SciPy."""
        self.clustering = tree
        self.shape = (1, count)

    def __call__(self, mask: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
        """The mask itself: the output function makes rows of token ids of it."""
        return (np.asarray(mask, dtype=bool).reshape(1, -1),)
