"""`python -m audit table`: corpora and our own sets as tables that `audit run` takes."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from audit import read_probe, read_translation_probe
from audit.__main__ import main
from audit.table import read_audit_table

CORPORA = Path(os.environ.get("CULTURELENS_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="the public corpora are not on this machine; set CULTURELENS_CORPORA to their folder")


def rows_of(path: Path, *words: str) -> list[dict[str, str]]:
    assert main(["table", *words, "--output", str(path)]) == 0
    return read_audit_table(path).columns.to_pylist()


def test_our_own_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelled = rows_of(tmp_path / "a.jsonl", "probe")
    assert capsys.readouterr().out == f"{len(labelled):,} rows in {tmp_path / 'a.jsonl'}\n"
    assert [(row["text"], row["label"], row["culture"], row["phenomena"].split("|")) for row in labelled] == [
        (sentence.text, sentence.label, sentence.culture, list(sentence.phenomena) or [""]) for sentence in read_probe()]
    pairs = rows_of(tmp_path / "b.jsonl", "probe", "--task", "translation")
    assert [(row["source"], row["reference"], row["source_language"], row["culture"]) for row in pairs] == [
        (sentence.source, sentence.reference, sentence.source_language, sentence.culture) for sentence in read_translation_probe()]


@needs_corpora
def test_parallel_content_has_a_key(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "rows.jsonl", "nusax")
    items = Counter(row["item"] for row in rows)
    assert len(rows) == 1_200 and len(items) == 100 and set(items.values()) == {12}
    labels = {(row["item"], row["label"]) for row in rows}
    assert len(labels) == 100  # one label an item
    assert len({row["language"] for row in rows}) == 12
    assert main(["run", "--input", str(tmp_path / "rows.jsonl"), "--output", str(tmp_path), "--model", "toy", "--culture-column", "language", "--item-column",
                 "item", "--resamples", "200"]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["items"] == 100 and len(report["mcnemar"]) == 66


@needs_corpora
def test_both_directions_of_pairs(tmp_path: Path) -> None:
    there = rows_of(tmp_path / "there.jsonl", "multi30k", "--task", "translation", "--split", "validation")
    back = rows_of(tmp_path / "back.jsonl", "multi30k", "--task", "translation", "--split", "validation", "--reverse")
    assert Counter(row["direction"] for row in there) == {"en-de": 1_014, "en-fr": 1_014, "en-cs": 1_014}
    assert [(row["source"], row["reference"], row["source_language"]) for row in there] == [
        (row["reference"], row["source"], row["target_language"]) for row in back]


@needs_corpora
@pytest.mark.parametrize(("words", "said"), [
    (["nowhere"], "There is no importer for the corpus 'nowhere'"), (["umsab", "--split", "test"], "umsab has no rows in its split test"),
])
def test_what_is_not_there_is_one_sentence(words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", *words, "--output", str(tmp_path / "rows.jsonl")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line and list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("rows.csv", "missing/rows.jsonl"):
        assert main(["table", "probe", "--output", str(tmp_path / name)]) == 2
        assert "give the path of a file that ends in .jsonl, in a folder that exists." in capsys.readouterr().err
