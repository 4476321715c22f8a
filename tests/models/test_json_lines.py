"""Reading our own data sets: every fault named by file and line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from models.errors import InputError
from models.json_lines import check_fields, read_records


@dataclass(frozen=True)
class Word:
    id: str
    parts: tuple[str, ...]


def build(fields: dict[str, Any]) -> Word:
    check_fields(fields, lists=("parts",))
    if not fields["parts"]:
        raise InputError("has no parts, expected at least one.")
    return Word(fields["id"], tuple(fields["parts"]))


def write(folder: Path, *lines: str) -> Path:
    path = folder / "words.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_lines_become_records_in_order(tmp_path: Path) -> None:
    lines = [{"id": "z", "parts": ["ü", "词"]}, {"id": "a", "parts": ["x"]}]
    found = read_records(write(tmp_path, *(json.dumps(line) for line in lines)), build, what="a word")
    assert found == [Word("z", ("ü", "词")), Word("a", ("x",))]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", r"words\.jsonl line 2 is not a word \(.*\); mend the line"),
        ("", r"line 2 is not a word"),
        ("[1]", r"line 2 is not a word \(it is list, expected an object\)"),
        ('{"id": "b"}', r"line 2 is not a word \('parts'\)"),
        ('{"id": 5, "parts": ["x"]}', r"id is int, expected a string"),
        ('{"id": "b", "parts": "x"}', r"parts is str, expected a list"),
        ('{"id": "b", "parts": []}', r"words\.jsonl line 2 has no parts, expected at least one\."),
        ('{"id": "a", "parts": ["y"]}', r"line 2 has the id 'a' of a line before it; give every line its own"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_records(write(tmp_path, '{"id": "a", "parts": ["x"]}', line), build, what="a word")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.jsonl cannot be read .*; restore it"):
        read_records(tmp_path / "nothing.jsonl", build, what="a word")
    path = tmp_path / "other.jsonl"
    path.write_bytes(b'{"id": "\xff"}')
    with pytest.raises(InputError, match=r"other\.jsonl is not UTF-8 \(byte 8\)"):
        read_records(path, build, what="a word")
