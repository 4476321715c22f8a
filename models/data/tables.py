"""What every built table has: kept rows, removed rows with reasons and a report, each written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet

from models.data.schema import Fault
from models.disk import full_disk_sentence, whole_file

_TYPES = {"position": arrow.int32()}


def write_tables(
    folder: Path, name: str, kept: Mapping[str, Sequence[Any]], removed: Mapping[str, Sequence[Any]], report: Mapping[str, Any],
    faults: Sequence[Fault],
) -> dict[str, Any]:
    """Writes `name`, removed.parquet and report.json, and returns the report with the table's SHA-256 and the faults.

    Args:
        folder: Made where it is missing.
        kept: Column -> values of the kept rows.
        removed: Column -> values of the rows left out; one column is their reason.
        report: What else the report says; its key "datasets" comes after the hash.
        faults: Lines that could not be read.

    Raises:
        DiskError: A file cannot be written; no half file is left.
    """
    with full_disk_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write_parquet(kept, folder / name)
        _write_parquet(removed, folder / "removed.parquet")
        whole = {"rows": report["rows"], "removed": report["removed"], "table_sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
                 **{key: value for key, value in report.items() if key not in ("rows", "removed")},
                 "faults": [f"{fault.dataset} {fault.file}:{fault.line}: {fault.reason}" for fault in faults]}
        with whole_file(folder / "report.json") as temporary:
            temporary.write_text(json.dumps(whole, indent=1, ensure_ascii=False), encoding="utf-8")
    return whole


def _write_parquet(columns: Mapping[str, Sequence[Any]], path: Path) -> None:
    table = arrow.table({name: arrow.array(values, _TYPES.get(name, arrow.string())) for name, values in columns.items()})
    with whole_file(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")
