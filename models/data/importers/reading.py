"""Readers that survive broken files: what can be read is read, the rest is reported by line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models.data.schema import Fault
from models.errors import CorpusError

FIELD_LIMIT = 1_000_000  # characters in one CSV field
_END = "\x00end"  # a row after the last one: where it is swallowed, a quote was never closed
Line = tuple[int, str]


def read_bytes(path: Path) -> bytes:
    """Content of a file, unpacked where it ends in .gz, of the only member of a ZIP, or of a member of a .tar.gz.

    A member is written as a path under its archive: `train.tar.gz/train/train.src`.

    Raises:
        CorpusError: The file or member is missing, the archive is cut, or the ZIP has no single member.
    """
    packed = next((parent for parent in path.parents if parent.name.endswith(".tar.gz") and parent.is_file()), None)
    if packed is not None:
        return _member(packed, path.relative_to(packed).as_posix())
    if not path.is_file():
        raise CorpusError(f"{path} does not exist; fetch the corpus again or leave it out of the sources.")
    if path.suffix == ".gz":
        try:
            return gzip.decompress(path.read_bytes())
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise CorpusError(f"{path} is not a whole gzip file ({error}); fetch it again.") from error
    if path.suffix != ".zip":
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise CorpusError(f"{path} holds {len(names)} files, expected one; unpack it and point to the table.")
            return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
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
        lines: list[str | None] = []
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
        whole = tuple(line for line in row if line is not None)
        if len(whole) == len(row):
            yield number, whole
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
    path: Path, dataset: str, *, columns: Sequence[str] = (), encoding: str = "utf-8", header: bool = True
) -> Iterator[tuple[int, dict[str, str]] | Fault]:
    """Rows of a CSV file as mappings (columns "0", "1" … without a header); broken rows are reported by their last line.

    Raises:
        CorpusError: The header lacks one of `columns`.
    """
    csv.field_size_limit(FIELD_LIMIT)
    lines: list[str] = []
    numbers: list[int] = []  # in the file, where lines that are not in the encoding count too
    for item in read_lines(path, dataset, encoding=encoding):
        if isinstance(item, Fault):
            yield item
            continue
        pieces = io.StringIO(item[1] + "\n", newline="").readlines()
        lines += pieces
        numbers += [item[0]] * len(pieces)
    reader = csv.reader([*lines, _END], strict=False)
    names = None if header else [str(index) for index in range(len(next(csv.reader(lines), [])))]
    first = 1
    try:
        for cells in reader:
            number = numbers[min(reader.line_num, len(numbers)) - 1]
            if cells == [_END]:
                return
            if cells and cells[-1].endswith(_END):
                yield Fault(dataset, path.name, numbers[first - 1], "a quote is not closed; the rest of the file is left out")
            elif names is None:
                names = _header(cells, columns, path)
            elif cells and len(cells) != len(names):
                yield Fault(dataset, path.name, number, f"{len(cells)} columns, expected {len(names)}")
            elif cells:
                yield number, dict(zip(names, cells, strict=True))
            first = reader.line_num + 1
    except csv.Error as error:
        number = numbers[min(reader.line_num, len(numbers)) - 1]
        yield Fault(dataset, path.name, number, f"broken CSV ({error}); the rest of the file is left out")


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
    decoder, place, line, counted = json.JSONDecoder(), text.find("[") + 1, 1, 0
    while (start := text.find("{", place)) >= 0:
        line, counted = line + text.count("\n", counted, start), start
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
    if "]" not in text[place:]:
        yield Fault(dataset, path.name, text.count("\n") + 1, "the JSON list is cut in the middle")


def _member(archive: Path, name: str) -> bytes:
    try:
        with tarfile.open(archive, "r:gz") as members:
            content = members.extractfile(name)
            if content is None:
                raise CorpusError(f"{name} in {archive} is not a file; fetch the corpus again.")
            return content.read()
    except KeyError as error:
        raise CorpusError(f"{archive} holds no {name}; fetch the corpus again or leave it out of the sources.") from error
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise CorpusError(f"{archive} is not a whole tar.gz file ({error}); fetch it again.") from error


def _header(cells: list[str], columns: Sequence[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    missing = [name for name in columns if name not in names]
    if missing:
        raise CorpusError(f"{path} has no column {missing[0]!r}, it has {', '.join(names)}; fetch it again or leave it out of the sources.")
    return names


def _decoded_whole(content: bytes, path: Path, dataset: str, encoding: str) -> Iterator[Line | Fault]:
    """Lines of a text whose line ends are not single bytes; broken units become U+FFFD and are reported."""
    text = content.decode(encoding, "replace")
    for number, line in enumerate(text.split("\n"), 1):
        if "\ufffd" in line:
            yield Fault(dataset, path.name, number, f"holds a character that is not {encoding}")
        yield number, line.lstrip("\ufeff").removesuffix("\r")
