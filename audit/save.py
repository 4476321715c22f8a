"""The files of an audit: report.json, report.html, rows.parquet."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.parquet as parquet

from audit.card import card_html
from audit.run import AuditResult
from models.disk import full_disk_sentence, whole_file
from models.errors import DiskError

REPORT, CARD, ROWS = "report.json", "report.html", "rows.parquet"


def check_folder(folder: Path) -> None:
    """Makes the folder where it is missing.

    Raises:
        DiskError: It cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"{folder} cannot be made ({error.strerror}); give the path of a folder that may be written to.") from error
    if not os.access(folder, os.W_OK):
        raise DiskError(f"{folder} cannot be written to; give the path of a folder that may be.")


def report_json(result: AuditResult) -> bytes:
    """report.json."""
    return (json.dumps(result.to_json_dict(), ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def save_audit(result: AuditResult, folder: Path, language: str) -> None:
    """Writes the three files, each whole or not at all.

    Raises:
        DiskError: The disk is full or may not be written to.
    """
    with full_disk_sentence(folder):
        with whole_file(folder / ROWS) as path:
            parquet.write_table(result.rows, path, compression="zstd")
        for name, content in ((REPORT, report_json(result)), (CARD, card_html(result, language).encode())):
            with whole_file(folder / name) as path:
                path.write_bytes(content)
