"""Tables as people bring them: four formats with the same rows, and every fault in one sentence."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from audit.table import AuditTable, TableLimits, parse_audit_table, read_audit_table
from models.errors import InputError

ROWS = [
    {"text": "NA", "label": "negative", "culture": "NA", "note": ""},
    {"text": 'She said "no, thanks",\nand left', "label": "neutral", "culture": "en-GB", "note": "007"},
    {"text": "很好！", "label": "positive", "culture": "zh-CN", "note": "=1+1"},
    {"text": "null", "label": "neutral", "culture": "", "note": "1e5"},
    {"text": "true", "label": "neutral", "culture": "nan", "note": "2024-01-01"},
]


def separated(rows: list[dict[str, str]] = ROWS, delimiter: str = ",") -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def packed(rows: list[dict[str, str]] = ROWS) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), stream)
    return stream.getvalue()


LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


@pytest.mark.parametrize(("name", "data"), [
    ("a.csv", separated().encode()), ("a.CSV", separated().encode("utf-8-sig")), ("a.csv", separated().encode("utf-16")),
    ("a.tsv", separated(delimiter="\t").encode()), ("a.jsonl", LINES.encode()), ("a.jsonl", LINES.replace("\n", "\r\n").encode()), ("a.parquet", packed()),
])
def test_every_format_gives_every_cell_as_it_stands(name: str, data: bytes) -> None:
    found = parse_audit_table(data, name)
    assert found.columns.to_pylist() == ROWS
    assert len(found.sha256) == 64 and found.texts("culture").to_pylist()[0] == "NA"


def test_plain_values_become_text_and_missing_ones_empty() -> None:
    found = parse_audit_table(b'{"a": 1, "b": true}\n\n{"b": null, "c": 0.25}\n', "a.jsonl")
    assert found.columns.to_pylist() == [{"a": "1", "b": "true", "c": ""}, {"a": "", "b": "", "c": "0.25"}]
    stream = io.BytesIO()
    parquet.write_table(arrow.table({"a": [1, None], "b": arrow.array(["x", "x"]).dictionary_encode()}), stream)
    assert parse_audit_table(stream.getvalue(), "a.parquet").columns.to_pylist() == [{"a": "1", "b": "x"}, {"a": "", "b": "x"}]


def test_types_are_not_guessed_from_the_beginning() -> None:
    rows = [{"text": str(number), "culture": "NA"} for number in range(60_000)] + [{"text": "words", "culture": "de"}]
    assert parse_audit_table(separated(rows).encode(), "a.csv").columns.to_pylist()[-1] == rows[-1]


@pytest.mark.parametrize(("name", "data", "sentence"), [
    ("a.xlsx", b"PK", r"ends in '.xlsx', expected one of .csv, .tsv, .jsonl, .parquet"),
    ("table", b"a", r"ends in 'nothing'"),
    ("a.csv", b"", "a.csv is empty, expected a header line and rows"),
    ("a.csv", b"text,label\n", "a.csv has no rows"),
    ("a.csv", b"text,label,text\na,b,c\n", "names the column 'text' 2 times"),
    ("a.csv", b"text,label\na,b\nc\nd,e\nf,g,h\n", r"has 1 cells in row 3, 5 \(the header is row 1\), expected 2"),
    ("a.csv", b"text,label\n" + "schön,b\n".encode() + "schön,b\n".encode("latin-1"), r"line 3 is not UTF-8 \(byte"),
    ("a.csv", b'"te"xt,label\na,b\n', "a.csv is not a table"),
    ("a.csv", b"text,label\na\x00,b\n", "line 2 has a NUL character"),
    ("a.jsonl", b'{"text": "a"}\n{"text": "b', "line 2 is not JSON"),
    ("a.jsonl", b'{"text": ["a"]}\n', "line 1 is not an object of plain values"),
    ("a.jsonl", b'"a"\n', "line 1 is not an object of plain values"),
    ("a.jsonl", b"[" * 100_000, "line 1 is not JSON"),
    ("a.jsonl", b"\n\n", "a.jsonl has no rows"),
    ("a.parquet", packed()[:-40], "a.parquet is not a whole Parquet file"),
    ("a.parquet", b"text,label\n", "a.parquet is not a whole Parquet file"),
])
def test_faults_are_one_sentence(name: str, data: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        parse_audit_table(data, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b'text,label\n"one",a\n"two and the file ends', b'text\n"one"\n"two and the file ends'])
def test_a_csv_cut_inside_quotes_is_not_taken_for_whole(data: bytes) -> None:
    with pytest.raises(InputError, match=r"a\.csv ends inside a quoted cell; the file may be cut"):
        parse_audit_table(data, "a.csv")


def test_a_lone_quote_inside_a_cell_is_a_character() -> None:
    assert parse_audit_table(b'text,label\na 5" screen,x\n', "a.csv").columns.to_pylist() == [{"text": 'a 5" screen', "label": "x"}]


def test_many_bad_rows_are_counted() -> None:
    with pytest.raises(InputError, match=r"in row 2, 3, 4, 5, 6 and 15 more "):
        parse_audit_table(b"text,label\n" + b"alone\n" * 20, "a.csv")


def test_a_small_file_that_unpacks_to_much_is_refused() -> None:
    stream = io.BytesIO()
    parquet.write_table(arrow.table({"text": arrow.array(["x" * 1_000] * 200_000)}), stream, compression="zstd")
    assert len(stream.getvalue()) < 100_000
    with pytest.raises(InputError, match=r"unpacks to more than 50 MB; take a sample or raise the limit"):
        parse_audit_table(stream.getvalue(), "a.parquet", TableLimits(megabytes=50))


def test_limits_of_rows_and_bytes() -> None:
    with pytest.raises(InputError, match=r"a\.csv has 5 rows, the limit is 4"):
        parse_audit_table(separated().encode(), "a.csv", TableLimits(rows=4))
    with pytest.raises(InputError, match=r"a\.csv has 2 MB, the limit is 1"):
        parse_audit_table(b"text\n" + b"x" * 1_500_000, "a.csv", TableLimits(megabytes=1))


def test_columns_are_named_where_one_is_missing() -> None:
    with pytest.raises(InputError, match=r"a\.csv has no column 'gold'; its columns are text, label, culture, note"):
        parse_audit_table(separated().encode(), "a.csv").texts("gold")


def test_files_are_read_by_path(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(separated(), encoding="utf-8", newline="")
    assert isinstance(read_audit_table(tmp_path / "a.csv"), AuditTable)
    with pytest.raises(InputError, match=r"b.csv cannot be read \(No such file or directory\)"):
        read_audit_table(tmp_path / "b.csv")
