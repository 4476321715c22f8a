"""The data sheet of a corpus table: what it holds for each culture and each data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as parquet

from models.data.schema import LABELS
from models.errors import CorpusError


def describe(folder: str | Path, by: str = "culture") -> list[dict[str, Any]]:
    """One row for each value of a column, most rows first.

    Args:
        folder: Folder of corpus.parquet.
        by: culture, dataset, language or domain.

    Returns:
        Mappings with the value, language(s), rows by label and split, median characters, data sets and licences.

    Raises:
        CorpusError: The table is missing.
    """
    path = Path(folder) / "corpus.parquet"
    if not path.is_file():
        raise CorpusError(f"{path} does not exist; run `python -m models corpus build CONFIG` first.")
    table: pd.DataFrame = parquet.read_table(path).to_pandas()
    table["characters"] = table["text"].str.len()
    sheet = []
    for value, rows in table.groupby(by, sort=False):
        labels, splits = rows["label"].value_counts(), rows["split"].value_counts()
        sheet.append({
            by: value, "rows": len(rows), **{label: int(labels.get(label, 0)) for label in LABELS},
            "unlabelled": int(labels.get("", 0)), **{split: int(splits.get(split, 0)) for split in ("train", "validation", "test")},
            "median_characters": int(rows["characters"].median()),
            "languages": sorted(rows["language"].unique()), "datasets": sorted(rows["dataset"].unique()),
            "domains": sorted(rows["domain"].unique()), "licences": sorted(rows["licence"].unique()),
        })
    return sorted(sheet, key=lambda row: (-row["rows"], str(row[by])))


def format_sheet(sheet: list[dict[str, Any]], by: str = "culture") -> str:
    """The data sheet as a text table."""
    header = f"{by:<14}{'rows':>9}{'negative':>10}{'neutral':>9}{'positive':>10}{'no label':>10}{'train':>9}{'valid.':>8}{'chars':>7}  data sets · licences"
    lines = [header]
    for row in sheet:
        names = ", ".join(row["datasets"])
        lines.append(
            f"{row[by]:<14}{row['rows']:>9,}{row['negative']:>10,}{row['neutral']:>9,}{row['positive']:>10,}{row['unlabelled']:>10,}"
            f"{row['train']:>9,}{row['validation']:>8,}{row['median_characters']:>7}  {names} · {'; '.join(row['licences'])}"
        )
    return "\n".join(lines)
