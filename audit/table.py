"""The table that is audited: CSV, TSV, JSON Lines or Parquet, every cell as text, every fault named by its row."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as arrow
import pyarrow.csv
import pyarrow.parquet as parquet

from models.errors import InputError

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
SHOWN = 5  # row numbers named in a sentence


@dataclass(frozen=True)
class TableLimits:
    """How much is read; what is larger is refused with a sentence and not cut."""

    rows: int = 5_000_000
    megabytes: int = 2_000  # of the file, and of what it unpacks to


@dataclass(frozen=True)
class AuditTable:
    """Rows as they came.

    Attributes:
        columns: Text columns, all names different.
        sha256: Of the file's bytes.
        name: Of the file.
    """

    columns: arrow.Table
    sha256: str
    name: str

    def __post_init__(self) -> None:
        """Raises InputError for a table without rows, or one that names a column twice."""
        names = self.columns.column_names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InputError(f"{self.name} names the column {repeated[0]!r} {names.count(repeated[0])} times; give every column its own name.")
        if not self.columns.num_rows:
            raise InputError(f"{self.name} has no rows, expected a header and one row or more; give a table with data.")

    def texts(self, column: str) -> arrow.ChunkedArray:
        """A column of texts (rows,).

        Raises:
            InputError: There is no such column.
        """
        if column not in self.columns.column_names:
            raise InputError(f"{self.name} has no column {column!r}; its columns are {', '.join(self.columns.column_names)}.")
        return self.columns[column]

    def with_columns(self, cells: Mapping[str, Sequence[str]]) -> AuditTable:
        """The table with more columns behind its own; the hash stays that of the file.

        Raises:
            InputError: It has a column of one of these names.
        """
        columns = self.columns
        for name, values in cells.items():
            if name in columns.column_names:
                raise InputError(f"{self.name} has a column {name!r} already, which would be added; use that column, or rename it.")
            columns = columns.append_column(name, arrow.chunked_array([arrow.array(values, arrow.string())]))
        return AuditTable(columns, self.sha256, self.name)


def read_audit_table(path: Path, limits: TableLimits | None = None) -> AuditTable:
    """The table in a file, whose name says its format.

    Raises:
        InputError: The file cannot be read, is of another format, too large, cut in the middle, or a row does not fit.
    """
    try:
        return parse_audit_table(path.read_bytes(), path.name, limits)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give the path of a table.") from error


def parse_audit_table(data: bytes, name: str, limits: TableLimits | None = None) -> AuditTable:
    """The table in the bytes of a file; raises as `read_audit_table` does."""
    limits = limits or TableLimits()
    suffix = Path(name).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{name} ends in {suffix or 'nothing'!r}, expected one of {', '.join(FORMATS)}; save the table in one of them.")
    if len(data) > limits.megabytes * 1_000_000:
        raise InputError(f"{name} has {len(data) / 1e6:,.0f} MB, the limit is {limits.megabytes:,}; split the table or raise the limit.")
    if suffix == ".parquet":
        columns = _read_parquet(data, name, limits)
    else:
        text = _decode(data, name)
        columns = _read_lines(text, name) if suffix == ".jsonl" else _read_separated(text, name, "\t" if suffix == ".tsv" else ",")
    if columns.num_rows > limits.rows:
        raise InputError(f"{name} has {columns.num_rows:,} rows, the limit is {limits.rows:,}; take a sample or raise the limit.")
    return AuditTable(columns, hashlib.sha256(data).hexdigest(), name)


def _decode(data: bytes, name: str) -> bytes:
    """The text in UTF-8 without a mark at its beginning; UTF-16 is read where a mark says so."""
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16").encode("utf-8")
        data = data.removeprefix(b"\xef\xbb\xbf")
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{name} line {line} is not UTF-8 (byte {error.start}); save the whole table in UTF-8.") from error
    if b"\x00" in data:
        raise InputError(f"{name} line {data[: data.index(0)].count(10) + 1} has a NUL character; save the table as text in UTF-8.")
    return data


def _read_separated(text: bytes, name: str, delimiter: str) -> arrow.Table:
    """CSV or TSV; rows with a wrong number of cells are named."""
    if not text.strip():
        raise InputError(f"{name} is empty, expected a header line and rows; give a table.")
    if text.count(b'"') % 2 and _ends_in_quotes(text, delimiter):
        raise InputError(f"{name} ends inside a quoted cell; the file may be cut, or a quote is not closed.")
    faults: list[tuple[int | None, int, int]] = []

    def note(row: arrow.csv.InvalidRow) -> str:
        faults.append((row.number, row.actual_columns, row.expected_columns))
        return "skip"

    def read(threads: bool) -> arrow.Table:
        header = next(_plain_reader(text, delimiter))
        return arrow.csv.read_csv(io.BytesIO(text), read_options=arrow.csv.ReadOptions(use_threads=threads), parse_options=parsing,
                                  convert_options=arrow.csv.ConvertOptions(column_types={column: arrow.string() for column in header},
                                                                           strings_can_be_null=False, quoted_strings_can_be_null=False))

    parsing = arrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note)
    try:
        columns = read(threads=True)
        if faults:  # only one thread counts the rows
            faults.clear()
            read(threads=False)
    except (arrow.ArrowInvalid, csv.Error) as error:
        raise InputError(f"{name} is not a table ({error}); quote cells with line breaks, and check that the file is whole.") from error
    if faults:
        numbers = ", ".join(str(number) for number, _, _ in faults[:SHOWN]) + (f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else "")
        _, actual, expected = faults[0]
        raise InputError(f"{name} has {actual} cells in row {numbers} (the header is row 1), expected {expected}; quote cells with a {delimiter!r}.")
    return columns


def _ends_in_quotes(text: bytes, delimiter: str) -> bool:
    """Whether the last cell is opened by a quote and never closed, which the fast reader takes for whole."""
    try:
        for _ in _plain_reader(text, delimiter):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _plain_reader(text: bytes, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(10_000_000)  # characters in one cell
    return csv.reader(io.TextIOWrapper(io.BytesIO(text), "utf-8", newline=""), delimiter=delimiter, strict=True)


def _read_lines(text: bytes, name: str) -> arrow.Table:
    """JSON Lines: objects of texts, numbers, booleans or null; a key that a line lacks is an empty cell."""
    records = []
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{name} line {number} is not JSON ({error}); mend the line, or check that the file is whole.") from error
        if not isinstance(record, dict) or any(isinstance(value, dict | list) for value in record.values()):
            raise InputError(f"{name} line {number} is not an object of plain values; write one such as {{\"text\": \"...\", \"label\": \"...\"}}.")
        records.append(record)
    names = list(dict.fromkeys(key for record in records for key in record))
    return arrow.table({key: arrow.array([_cell(record.get(key)) for record in records], arrow.string()) for key in names})


def _cell(value: str | float | bool | None) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _read_parquet(data: bytes, name: str, limits: TableLimits) -> arrow.Table:
    """Parquet, unpacked piece by piece so that a small file cannot fill the memory."""
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        batches, size = [], 0
        for batch in file.iter_batches(batch_size=20_000):
            plain = {key: column.cast(arrow.string()) for key, column in zip(batch.schema.names, batch.columns, strict=True)}
            batches.append(arrow.RecordBatch.from_arrays(list(plain.values()), names=batch.schema.names))
            size += batches[-1].nbytes
            if size > limits.megabytes * 1_000_000:
                raise InputError(f"{name} unpacks to more than {limits.megabytes:,} MB; take a sample or raise the limit.")
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"{name} is not a whole Parquet file of plain columns ({str(error).splitlines()[0]}); write it again.") from error
    schema = arrow.schema([(key, arrow.string()) for key in file.schema_arrow.names])
    table = arrow.Table.from_batches(batches, schema)
    return arrow.table([column.fill_null("") for column in table.columns], names=table.column_names)
