"""Readers that survive broken files: what can be read is read, the rest is reported by line."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.data.schema import Fault
from models.errors import CorpusError

FIELD_LIMIT = 1_000_000  # characters in one CSV field
Line = tuple[int, str]


def read_bytes(path: Path) -> bytes:
    """Content of a file, or of the only member of a ZIP.

    Raises:
        CorpusError: The file is missing, or the ZIP is cut or has no single member.
    """
    if not path.is_file():
        raise CorpusError(f"{path} does not exist; fetch the corpus again or leave it out of the sources.")
    if path.suffix != ".zip":
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise CorpusError(f"{path} holds {len(names)} files, expected one; unpack it and point to the table.")
            return archive.read(names[0])
    except (zipfile.BadZipFile, EOFError) as error:
        raise CorpusError(f"{path} is not a whole ZIP file ({error}); fetch it again.") from error


def read_lines(path: Path, dataset: str, *, encoding: str = "utf-8") -> Iterator[Line | Fault]:
    """Numbered lines without their ends; a line that is not in the encoding is reported and left out."""
    content = read_bytes(path)
    if encoding.startswith("utf-16"):
        yield from _decoded_whole(content, path, dataset, encoding)
        return
    for number, raw in enumerate(content.split(b"\n"), 1):
        try:
            line = raw.decode(encoding)
        except UnicodeDecodeError as error:
            yield Fault(dataset, path.name, number, f"byte {error.start + 1} is not {encoding}")
            continue
        line = line.removesuffix("\r")
        yield number, line.lstrip("\ufeff") if number == 1 else line


def read_aligned(paths: list[Path], dataset: str, *, encoding: str = "utf-8") -> Iterator[tuple[int, tuple[str, ...]] | Fault]:
    """Lines of several files side by side; a shorter file ends the reading with a report."""
    columns = []
    for path in paths:
        lines = []
        for item in read_lines(path, dataset, encoding=encoding):
            if isinstance(item, Fault):
                yield item
                lines.append(None)
            else:
                lines.append(item[1])
        if lines and lines[-1] == "":
            lines.pop()
        columns.append(lines)
    sizes = {len(lines) for lines in columns}
    for number, row in enumerate(zip(*columns, strict=False), 1):
        if None not in row:
            yield number, row
    if len(sizes) > 1:
        described = ", ".join(f"{path.name} {len(lines)}" for path, lines in zip(paths, columns, strict=True))
        yield Fault(dataset, paths[0].name, min(sizes) + 1, f"aligned files differ in length ({described} lines)")


def read_tsv(path: Path, dataset: str, *, columns: int | None = None) -> Iterator[tuple[int, list[str]] | Fault]:
    """Rows of a tab-separated file without quoting; a row with another number of columns is reported."""
    for item in read_lines(path, dataset):
        if isinstance(item, Fault):
            yield item
            continue
        number, line = item
        if not line:
            continue
        cells = line.split("\t")
        if columns is not None and len(cells) != columns:
            yield Fault(dataset, path.name, number, f"{len(cells)} columns, expected {columns}")
            continue
        yield number, cells


def read_csv(
    path: Path, dataset: str, *, encoding: str = "utf-8", header: bool = True, delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]] | Fault]:
    """Rows of a CSV file as mappings (columns "0", "1" … without a header); broken rows are reported by line."""
    csv.field_size_limit(FIELD_LIMIT)
    lines: list[str] = []
    for item in read_lines(path, dataset, encoding=encoding):
        if isinstance(item, Fault):
            yield item
        else:
            lines.append(item[1])
    reader = csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=delimiter, strict=False)
    names: list[str] | None = None
    try:
        for cells in reader:
            if names is None:
                names = [cell.strip() for cell in cells] if header else [str(index) for index in range(len(cells))]
                if header:
                    continue
            if not cells:
                continue
            if len(cells) != len(names):
                yield Fault(dataset, path.name, reader.line_num, f"{len(cells)} columns, expected {len(names)}")
                continue
            yield reader.line_num, dict(zip(names, cells, strict=True))
    except csv.Error as error:
        yield Fault(dataset, path.name, reader.line_num, f"broken CSV ({error}); the rest of the file is left out")


def read_json_lines(path: Path, dataset: str) -> Iterator[tuple[int, dict[str, Any]] | Fault]:
    """One object a line; a line that is not JSON is reported."""
    for item in read_lines(path, dataset):
        if isinstance(item, Fault):
            yield item
            continue
        number, line = item
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            yield Fault(dataset, path.name, number, f"not JSON ({error.msg})")
            continue
        yield (number, record) if isinstance(record, dict) else Fault(dataset, path.name, number, "not a JSON object")


def read_json_records(path: Path, dataset: str) -> Iterator[tuple[int, dict[str, Any]] | Fault]:
    """Objects of a JSON list, also of one that is cut or has broken records: each whole record is read."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8 at byte {error.start}; convert it or leave it out.") from error
    decoder, place = json.JSONDecoder(), text.find("[") + 1
    while (start := text.find("{", place)) >= 0:
        line = text.count("\n", 0, start) + 1
        try:
            record, place = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            yield Fault(dataset, path.name, line, f"broken JSON record ({error.msg})")
            following = text.find("{", start + 1)
            if following < 0:
                return
            place = following
            continue
        yield line, record
    if not text.rstrip().endswith(("]", "}")):
        yield Fault(dataset, path.name, text.count("\n") + 1, "the JSON list is cut in the middle")


def _decoded_whole(content: bytes, path: Path, dataset: str, encoding: str) -> Iterator[Line | Fault]:
    """Lines of a text whose line ends are not single bytes; broken units become U+FFFD and are reported."""
    text = content.decode(encoding, "replace")
    for number, line in enumerate(text.split("\n"), 1):
        if "\ufffd" in line:
            yield Fault(dataset, path.name, number, f"holds a character that is not {encoding}")
        yield number, line.lstrip("\ufeff").removesuffix("\r")
