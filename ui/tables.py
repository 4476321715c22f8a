"""Tables that leave the app."""

from __future__ import annotations

import pandas as pd
import regex

_FORMULA = regex.compile(r"(^|[\r\n])(?=[\s\u00a0]*[=+\-@＝＋－＠\t\r])")


def csv_bytes(table: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a byte-order mark for spreadsheets; lines of a text cell that look like formulas get a leading apostrophe."""
    safe = table.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [_FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell for cell in safe[column]]
    return bytes(safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig"))
