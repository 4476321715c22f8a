"""The data sheet of a table of pairs: what it holds for each culture, data set, direction or domain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as parquet

from models.errors import CorpusError

SPLITS = ("train", "validation", "test")


def describe_pairs(folder: str | Path, by: str = "culture") -> list[dict[str, Any]]:
    """One row for each value of a column, most pairs first.

    Args:
        folder: Folder of pairs.parquet.
        by: culture, dataset or domain; language stands for the direction, such as en-zh.

    Returns:
        Mappings with the value, pairs by split, median characters of both sides, directions, data sets, domains and licences.

    Raises:
        CorpusError: The table is missing.
    """
    path = Path(folder) / "pairs.parquet"
    if not path.is_file():
        raise CorpusError(f"{path} does not exist; run `python -m models corpus build CONFIG` first.")
    table: pd.DataFrame = parquet.read_table(path).to_pandas()
    table["language"] = table["source_language"] + "-" + table["target_language"]
    for side in ("source", "target"):
        table[f"{side}_characters"] = table[side].str.len()
    sheet = []
    for value, rows in table.groupby(by, sort=False):
        splits = rows["split"].value_counts()
        sheet.append({
            by: value, "rows": len(rows), **{split: int(splits.get(split, 0)) for split in SPLITS},
            "median_source_characters": int(rows["source_characters"].median()),
            "median_target_characters": int(rows["target_characters"].median()),
            "directions": sorted(rows["language"].unique()), "datasets": sorted(rows["dataset"].unique()),
            "domains": sorted(rows["domain"].unique()), "licences": sorted(rows["licence"].unique()),
        })
    return sorted(sheet, key=lambda row: (-row["rows"], str(row[by])))


def format_pair_sheet(sheet: list[dict[str, Any]], by: str = "culture") -> str:
    """The data sheet as a text table."""
    lines = [f"{by:<20}{'pairs':>9}{'train':>9}{'valid.':>8}{'test':>8}{'chars':>10}  data sets · licences"]
    for row in sheet:
        characters = f"{row['median_source_characters']}/{row['median_target_characters']}"
        lines.append(f"{row[by]:<20}{row['rows']:>9,}{row['train']:>9,}{row['validation']:>8,}{row['test']:>8,}{characters:>10}  "
                     f"{', '.join(row['datasets'])} · {'; '.join(row['licences'])}")
    return "\n".join(lines)
