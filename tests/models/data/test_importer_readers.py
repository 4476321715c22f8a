"""The readers on broken files: what can be read is read, the rest is reported with its line."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from models.data.importers import IMPORTERS
from models.data.importers.reading import read_bytes, read_csv, read_json_records, read_lines
from models.data.schema import Fault
from models.errors import CorpusError

# corpus, a CSV of it, its header with one column renamed, the column that is missed
HEADERS = [
    ("swe-sentiment", "swe.csv", "texts,label,all_labels", "text"),
    ("turkish-store-reviews", "magaza_yorumlari_duygu_analizi.csv", "Görüş,Duygu", "Durum"),
    ("open-sentiment-ru", "opensentimentcorpus-final-by-majority.csv", "Text,Sentiment", "Sentence"),
    ("kazsandra", "dataset/03_pc_train_rus.zip", "custom_id,text_cleaned,domain,label", "text"),
    ("brighter", "semeval-2025-task11-dataset/track_a/train/afr.csv", "id,tekst,anger", "text"),
    ("bmeld", "BMELD_data/train_sent_emo.csv", "Sr No .,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID", "Target"),
]


def csv_items(path: Path, content: str | bytes, **settings: object) -> list[tuple[int, dict[str, str]] | tuple[int, str]]:
    """Rows, and faults as (line, reason)."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(item.line, item.reason) if isinstance(item, Fault) else item for item in read_csv(path, "x", **settings)]  # type: ignore[arg-type]


def json_items(path: Path, content: str) -> list[tuple[int, object]]:
    path.write_text(content, encoding="utf-8")
    return [(item.line, item.reason) if isinstance(item, Fault) else item for item in read_json_records(path, "x")]


def test_csv_lines_are_those_of_the_file(tmp_path: Path) -> None:
    content = b'text,label\n"two\nlines",a\nbad \xff,b\nafter,c\nshort\n\nlast,d'
    assert csv_items(tmp_path / "t.csv", content) == [
        (4, "byte 5 is not utf-8"), (3, {"text": "two\nlines", "label": "a"}), (5, {"text": "after", "label": "c"}),
        (6, "1 columns, expected 2"), (8, {"text": "last", "label": "d"})]


def test_a_quote_that_is_never_closed_is_reported_where_it_opens(tmp_path: Path) -> None:
    content = 'label,text\n1,fine\n0,"opened and swallows\n1,this row\n0,and this'
    assert csv_items(tmp_path / "t.csv", content) == [
        (2, {"label": "1", "text": "fine"}), (3, "a quote is not closed; the rest of the file is left out")]


def test_a_field_beyond_the_limit_ends_the_file(tmp_path: Path) -> None:
    items = csv_items(tmp_path / "t.csv", "text,label\nfine,a\n" + "x" * 1_000_001 + ",b\nrest,c\n")
    assert items[0] == (2, {"text": "fine", "label": "a"})
    assert items[1][0] == 3
    assert "broken CSV" in str(items[1][1])
    assert len(items) == 2


@pytest.mark.parametrize(("content", "header", "rows"), [
    ("", True, []), ("text,label\n", True, []), ("", False, []), ("a,b\nc,d\n", False, [(1, {"0": "a", "1": "b"}), (2, {"0": "c", "1": "d"})]),
    ("\ufefftext\r\na\r\n", True, [(2, {"text": "a"})]),
])
def test_csv_without_rows_or_header(content: str, header: bool, rows: list[object], tmp_path: Path) -> None:
    assert csv_items(tmp_path / "t.csv", content, header=header) == rows


@pytest.mark.parametrize(("name", "file", "header", "missed"), HEADERS)
def test_a_header_without_its_column_is_one_sentence(
    name: str, file: str, header: str, missed: str, write_tree: Callable[[dict[str, str | bytes]], Path]
) -> None:
    encoding = {"turkish-store-reviews": "utf-16", "bmeld": "gb18030"}.get(name, "utf-8")
    root = write_tree({file: f"{header}\nx,y,z\n".encode(encoding)})
    with pytest.raises(CorpusError, match=f"no column '{missed}', it has .*fetch it again or leave it out"):
        list(IMPORTERS[name](root))


@pytest.mark.parametrize("name", [name for name in IMPORTERS if name not in ("brighter", "swe-sentiment", "structured-sentiment", "mms-asia")])
def test_a_missing_file_is_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist; fetch the corpus again or leave it out"):
        list(IMPORTERS[name](tmp_path))


def test_json_records_around_a_broken_one(tmp_path: Path) -> None:
    content = '[{"a": 1},\n\n{"a": "x"y"},\n{"a": [{"b": 2}]}\n]'
    assert json_items(tmp_path / "t.json", content) == [(1, {"a": 1}), (3, "broken JSON record (Expecting ',' delimiter)"), (4, {"a": [{"b": 2}]})]


@pytest.mark.parametrize(("content", "items"), [
    ('[{"a": 1},\n{"a": 2}', [(1, {"a": 1}), (2, {"a": 2}), (2, "the JSON list is cut in the middle")]),
    ('[{"a": 1},\n{"a": "tw', [(1, {"a": 1}), (2, "broken JSON record (Unterminated string starting at)")]),
    ('{"reviews": [{"a": 1}]}', [(1, {"a": 1})]), ("[]", []), ("", [(1, "the JSON list is cut in the middle")]),
])
def test_a_json_list_that_is_cut(content: str, items: list[object], tmp_path: Path) -> None:
    assert json_items(tmp_path / "t.json", content) == items


def test_json_that_is_not_utf_8_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes('[{"a": "é"}]'.encode("latin-1"))
    with pytest.raises(CorpusError, match="is not UTF-8 at byte 8; convert it or leave it out"):
        list(read_json_records(tmp_path / "t.json", "x"))


def test_many_json_records_take_linear_time(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("[" + ",\n".join(f'{{"n": {n}}}' for n in range(30_000)) + "]", encoding="utf-8")
    last = list(read_json_records(path, "x"))[-1]
    assert last == (30_000, {"n": 29_999})


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in members.items():
            whole.writestr(name, content)
    return buffer.getvalue()


def damaged() -> bytes:
    content = bytearray(archive({"a.csv": b"text,label\n" * 200}))
    content[35:45] = b"\xff" * 10
    return bytes(content)


@pytest.mark.parametrize(("content", "match"), [
    (archive({"a.csv": b"x" * 5_000})[:60], "is not a whole ZIP file"), (archive({"a.csv": b"1", "b.csv": b"2"}), "holds 2 files, expected one"),
    (archive({}), "holds 0 files"), (damaged(), "is not a whole ZIP file"),
], ids=["cut", "two files", "no file", "damaged"])
def test_broken_zips(content: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / "t.zip").write_bytes(content)
    with pytest.raises(CorpusError, match=match):
        read_bytes(tmp_path / "t.zip")


def test_a_zip_with_a_folder_holds_one_file(tmp_path: Path) -> None:
    (tmp_path / "t.zip").write_bytes(archive({"inner/": b"", "inner/a.csv": b"text"}))
    assert read_bytes(tmp_path / "t.zip") == b"text"


def test_utf_16_keeps_line_numbers_and_reports_half_characters(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("é\r\nş\r\n".encode("utf-16") + b"\x41")
    assert list(read_lines(tmp_path / "t.csv", "x", encoding="utf-16")) == [
        (1, "é"), (2, "ş"), Fault("x", "t.csv", 3, "holds a character that is not utf-16"), (3, "\ufffd")]
