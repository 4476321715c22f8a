"""A sample of an audit's rows as points in a model's space, and on a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from audit.attribution_totals import draw_rows
from audit.predicting import describe_model
from audit.projection import TSNE_NAME, Projection, project
from models.classifier import Classifier
from models.embedding import embed_texts
from models.errors import ConfigError, InputError
from models.progress import Progress, no_progress, part_of

MOST_ROWS = 2_000  # placed by t-SNE in some ten seconds


@dataclass(frozen=True)
class RowMap:
    """Rows where the model puts them.

    Attributes:
        rows: Place of each row in the table, from 0, ascending (rows,).
        embeddings: (rows, features), float32.
        projection: The same rows on a plane.
        count: Rows that the sample was drawn from.
        unread: Rows of the sample in which the model can read nothing.
        signature: Model, method, perplexity, seed and size of the sample.
    """

    rows: np.ndarray
    embeddings: np.ndarray
    projection: Projection
    count: int
    unread: int
    signature: dict[str, Any]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values without the embeddings; rows count from 1, as in a report."""
        return {"rows": (self.rows + 1).tolist(), "projection": self.projection.to_json_dict(), "count": self.count, "unread": self.unread,
                "signature": self.signature}


def map_rows(
    model: Classifier, texts: Sequence[str], groups: np.ndarray, *, method: str = TSNE_NAME, most_rows: int = MOST_ROWS, seed: int = 1,
    progress: Progress = no_progress,
) -> RowMap:
    """A sample of the rows, drawn evenly over the groups as `draw_rows` does, embedded and placed.

    Args:
        model: Whose encoder places them.
        texts: (rows,).
        groups: Number of the group of each row (rows,); negative for rows that are left out.
        method: As in `project`.
        most_rows: Rows of the sample.
        seed: Of the sample and the plane.
        progress: Told rows done, twice: while they are embedded, and while they are placed.

    Raises:
        ConfigError: A setting is out of range.
        InputError: There is not one text for each group, or too few rows can be placed.
        Cancelled: `progress` asked to stop.
    """
    if most_rows < 1:
        raise ConfigError(f"At most {most_rows} rows are placed, expected 1 or more.")
    if groups.shape != (len(texts),):
        raise InputError(f"There are {len(texts)} texts and groups {groups.shape}; give one of each for every row.")
    drawn = draw_rows(groups, most_rows, seed=seed)
    total = 2 * max(1, len(drawn))
    read, embeddings = embed_texts(model, [texts[row] for row in drawn.tolist()], progress=part_of(progress, 0, total))
    projection = project(embeddings, method=method, seed=seed, progress=lambda done, steps: progress(total // 2 + done * (total // 2) // steps, total))
    signature = {"model": dict(describe_model(model)), "method": method, "perplexity": projection.perplexity, "most_rows": most_rows, "seed": seed}
    return RowMap(drawn[read], embeddings, projection, int((groups >= 0).sum()), len(drawn) - len(read), signature)


def map_table(found: RowMap, cells: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Number from 1, cells and coordinates of every placed row.

    Args:
        found: The map.
        cells: What is said of each placed row (rows,), by the name of the column.
    """
    x, y = found.projection.coordinates.T
    return pd.DataFrame({"row": found.rows + 1, **cells, "x": x, "y": y})
