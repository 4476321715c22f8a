"""`python -m models predict`: the same numbers as in Python, every cell as it came, and never half a table."""

from __future__ import annotations

import csv
import errno
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from models import __main__ as command_line
from models.classifier import Classifier
from models.commands import predict
from models.commands.predict import Table, read_table, with_predictions, write_table
from models.errors import DiskError, InputError
from models.loading import load_classifier
from tests.conftest import TEXTS

HEADER = ["id", "text", "note"]


def write_csv(path: Path, rows: Iterable[Iterable[str]], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def run(*words: object) -> int:
    return command_line.main(["predict", "--model", "bert", *map(str, words)])


def errors_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Lines on stderr besides the bars."""
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    return [line for line in lines if line.strip() and not line.startswith(("Loading weights", "predict:"))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_same_numbers_as_python(embedded: Path, tmp_path: Path, encoding: str) -> None:
    rows = [[str(number), text, 'a "note",\nof two lines'] for number, text in enumerate(TEXTS)]
    source = write_csv(tmp_path / "rows.csv", [HEADER, *rows], encoding)
    assert run("--input", source, "--output", tmp_path / "out.csv") == 0
    found = read_csv(tmp_path / "out.csv")
    assert found[0] == [*HEADER, "prediction", "p_negative", "p_neutral", "p_positive"]
    assert [row[:3] for row in found[1:]] == rows
    for row, expected in zip(found[1:], load_classifier("bert").predict(TEXTS), strict=True):
        assert row[3] == expected.label
        assert row[4:] == [f"{value:.6f}" for value in expected.probabilities.values()]


def test_json_has_the_unrounded_numbers(embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_csv(tmp_path / "rows.csv", [["said"], [TEXTS[1]], [" "], ["ok " * 300]])
    assert run("--input", source, "--text-column", "said", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    clf = load_classifier("bert")
    first, last = clf.predict([TEXTS[1], "ok " * 300])
    assert printed["predictions"] == [
        {"row": 1, "prediction": first.label, "probabilities": pytest.approx(first.probabilities, abs=1e-6), "truncated_at": None},
        {"row": 3, "prediction": last.label, "probabilities": pytest.approx(last.probabilities, abs=1e-6), "truncated_at": last.truncated_at},
    ]
    assert (printed["model"], printed["fingerprint"], printed["count"], printed["faulty_rows"]) == ("bert", clf.fingerprint, 3, [2])


def test_rows_without_usable_text_stay_and_are_named(embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["good", "", "   ", "\u200b\u202e", "NA", "\x00", "😀", "x" * 1_000_000]
    source = write_csv(tmp_path / "rows.csv", [HEADER, *([str(number), text, ""] for number, text in enumerate(texts))])
    assert run("--input", source, "--output", tmp_path / "out.csv") == 0
    assert errors_of(capsys) == ["4 rows have no usable text and no prediction: row 2, 3, 4, 6"]
    found = read_csv(tmp_path / "out.csv")[1:]
    assert [row[1] for row in found] == texts
    assert [bool(row[3]) for row in found] == [True, False, False, False, True, False, True, True]
    assert all(row[3:] == [""] * 4 for row in found if not row[3])


def test_many_faults_are_counted(embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_csv(tmp_path / "rows.csv", [["text", "n"], *([" ", "1"] for _ in range(25))])
    assert run("--input", source, "--output", tmp_path / "out.csv") == 0
    assert errors_of(capsys)[0].endswith("row 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 and 5 more")


def test_a_table_without_rows_gets_its_columns(embedded: Path, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "rows.csv", [["text"]])
    assert run("--input", source, "--output", tmp_path / "out.csv") == 0
    assert read_csv(tmp_path / "out.csv") == [["text", "prediction", "p_negative", "p_neutral", "p_positive"]]


def test_the_input_may_be_the_output(embedded: Path, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "rows.csv", [["text"], ["good"]])
    assert run("--input", source, "--output", source) == 0
    assert read_csv(source)[1][0] == "good"
    assert len(read_csv(source)[0]) == 5


@pytest.mark.parametrize(("content", "sentence"), [
    (b"", "is empty, expected a header line"),
    (b"\n\n", "is empty, expected a header line"),
    (b"txt,id\nok,1\n", "There is no column 'text'; the columns are txt, id"),
    (b"text\tid\nok\t1\n", "There is no column 'text'; the columns are text\tid"),
    (b'{"text": "ok"}\n', "There is no column 'text'"),
    (b"text,text\nok,ok\n", "names the column 'text' twice"),
    (b"text,id\nok,1\nbad, really,2\n", "Row 2 has 3 cells, expected 2 as in the header"),
    (b'text,id\n"ok,1\n', "is not CSV (unexpected end of data)"),
    (b'text\n"ok"x\n', "is not CSV (',' expected after '\"')"),
    ("text\nübel\n".encode("latin-1"), "is not UTF-8 at byte 5; save the table as CSV in UTF-8"),
    (b"text\n" + b"ok\n" * 10_000 + b"\xff\n", "is not UTF-8 at byte 30005;"),
    ("text\nok\n".encode("utf-16"), "is not UTF-8 at byte 0;"),
    (b"text\n\xed\xa0\x80\n", "is not UTF-8 at byte 5;"),
    (b"text,prediction\nok,1\n", "has a column 'prediction' already, which predict would add"),
    (b"text,p_neutral\nok,1\n", "has a column 'p_neutral' already"),
    (b"text\n" + b"x" * 10_000_001, "is not CSV (field larger than field limit (10000000))"),
], ids=range(16))
def test_bad_tables_are_one_sentence_and_nothing_is_written(
    embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, sentence: str
) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    assert run("--input", tmp_path / "rows.csv", "--output", tmp_path / "out.csv") == 2
    (line,) = errors_of(capsys)
    assert line.startswith("error: ")
    assert " ".join(sentence.split()) in line
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(("words", "sentence"), [
    (["--input", "nowhere.csv", "--json"], "nowhere.csv cannot be read (No such file or directory)"),
    (["--input", ".", "--json"], "cannot be read (Is a directory)"),
    (["--input", "nowhere.csv"], "Neither --output nor --json was given"),
])
def test_bad_command_lines_are_one_sentence(embedded: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert run(*words) == 2
    (line,) = errors_of(capsys)
    assert line.startswith("error: ")
    assert sentence in line


def test_an_unknown_model_is_one_sentence(embedded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_csv(tmp_path / "rows.csv", [["text"], ["good"]])
    assert command_line.main(["predict", "--model", "nowhere", "--input", str(source), "--output", str(tmp_path / "out.csv")]) == 2
    assert errors_of(capsys)[0].startswith("error: There is no model 'nowhere'; give one of the embedded names (bert,")
    assert not (tmp_path / "out.csv").exists()


class FullDisk:
    """A writer with room for one row."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def writerows(self, rows: list[list[str]]) -> None:
        self.file.write(",".join(rows[0]))
        self.file.flush()
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_table(embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_csv(tmp_path / "rows.csv", [["text"], ["good"]])
    (tmp_path / "out.csv").write_text("old", encoding="utf-8")
    monkeypatch.setattr(predict.csv, "writer", FullDisk)
    assert run("--input", source, "--output", tmp_path / "out.csv") == 2
    (line,) = errors_of(capsys)
    assert line.endswith("out.csv cannot be written (No space left on device); choose a folder that exists and has room.")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "rows.csv"]


@pytest.mark.parametrize("name", ["missing/out.csv", "file/out.csv", "folder"])
def test_a_place_that_cannot_be_written_is_said_before_the_work(
    embedded: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_csv(tmp_path / "rows.csv", [["text"], ["good"]])
    (tmp_path / "file").write_text("whole", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(Classifier, "predict_rows", None)
    assert run("--input", source, "--output", tmp_path / name) == 2
    (line,) = errors_of(capsys)
    assert "cannot be written; give the path of a file in a folder that exists and may be written to." in line


@pytest.mark.parametrize("name", ["missing/out.csv", "file/out.csv", "a" * 300, "folder", "."])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("whole", encoding="utf-8")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(DiskError, match=r"cannot be written .*; choose a folder that exists and has room"):
        write_table(tmp_path / name, Table(["text"], [["ok"]]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert list(tmp_path.rglob("*.part")) == []


def test_cells_are_verbatim(tmp_path: Path) -> None:
    rows = [["007", "=1+1"], ["NA", "1e5"], [" padded ", 'a "b", c\r\nd'], ["\u202eabc", "null\x00"]]
    write_table(tmp_path / "rows.csv", Table(["a", "b"], rows))
    assert read_table(tmp_path / "rows.csv") == Table(["a", "b"], rows)


def test_columns_are_added_by_hand(tiny_bert: Classifier) -> None:
    (found,) = tiny_bert.predict(["good"])
    table = with_predictions(Table(["text"], [["good"], [""]]), [found, None], tiny_bert.labels)
    assert table.rows[1] == ["", "", "", "", ""]
    assert table.rows[0][1] == found.label
    with pytest.raises(InputError, match="'p_negative' already"):
        with_predictions(Table(["p_negative"], []), [], tiny_bert.labels)
