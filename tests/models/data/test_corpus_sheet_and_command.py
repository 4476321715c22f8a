"""The data sheet on a hand-made table, and the command line around the corpora."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest

from models.data.corpus import ROOT_VARIABLE
from models.data.describe import describe, format_sheet
from models.data.schema import COLUMNS
from models.errors import CorpusError

ROWS = [  # in the order of COLUMNS
    ("tea", "positive", "pt", "pt-MZ", "tweets", "a", "train", "free", "", 0),
    ("cold tea", "negative", "pt", "pt-MZ", "tweets", "a", "validation", "free", "", 0),
    ("a pot", "", "pt", "pt-MZ", "reviews", "b", "train", "not stated", "d", 0),
    ("茶", "neutral", "zh", "zh-CN", "reviews", "b", "test", "not stated", "", 0),
    ("好茶!", "positive", "zh", "zh-CN", "reviews", "b", "train", "not stated", "", 0),
    ("ok", "neutral", "en", "en", "tweets", "a", "train", "free", "", 0),
    ("no", "neutral", "pcm", "en", "tweets", "a", "train", "free", "", 0),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    columns = {name: [row[place] for row in ROWS] for place, name in enumerate(COLUMNS)}
    parquet.write_table(pyarrow.table(columns), tmp_path / "corpus.parquet")
    return tmp_path


def test_the_sheet_by_culture(table: Path) -> None:
    assert describe(table) == [
        {"culture": "pt-MZ", "rows": 3, "negative": 1, "neutral": 0, "positive": 1, "unlabelled": 1, "train": 2, "validation": 1, "test": 0,
         "median_characters": 5, "languages": ["pt"], "datasets": ["a", "b"], "domains": ["reviews", "tweets"], "licences": ["free", "not stated"]},
        {"culture": "en", "rows": 2, "negative": 0, "neutral": 2, "positive": 0, "unlabelled": 0, "train": 2, "validation": 0, "test": 0,
         "median_characters": 2, "languages": ["en", "pcm"], "datasets": ["a"], "domains": ["tweets"], "licences": ["free"]},
        {"culture": "zh-CN", "rows": 2, "negative": 0, "neutral": 1, "positive": 1, "unlabelled": 0, "train": 1, "validation": 0, "test": 1,
         "median_characters": 2, "languages": ["zh"], "datasets": ["b"], "domains": ["reviews"], "licences": ["not stated"]},
    ]


@pytest.mark.parametrize(("by", "rows"), [
    ("dataset", [("a", 4), ("b", 3)]), ("domain", [("tweets", 4), ("reviews", 3)]), ("language", [("pt", 3), ("zh", 2), ("en", 1), ("pcm", 1)]),
])
def test_the_sheet_by_another_column(table: Path, by: str, rows: list[tuple[str, int]]) -> None:
    sheet = describe(table, by=by)
    assert [(row[by], row["rows"]) for row in sheet] == rows
    assert sum(row["rows"] for row in sheet) == len(ROWS)


def test_the_sheet_as_text(table: Path) -> None:
    header, first, *rest = format_sheet(describe(table)).splitlines()
    assert header.split() == ["culture", "rows", "negative", "neutral", "positive", "no", "label", "train", "valid.", "chars", "data", "sets", "·", "licences"]
    assert first.split() == ["pt-MZ", "3", "1", "0", "1", "1", "2", "1", "5", "a,", "b", "·", "free;", "not", "stated"]
    assert len(rest) == 2


def test_no_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus.parquet does not exist; run `python -m models corpus build CONFIG` first"):
        describe(tmp_path)


def run(*words: str) -> int:
    from models.cli import run_command

    return run_command("models", "test", {"corpus": "corpora"}, ["corpus", *words])


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source = tmp_path / "corpora/swe-sentiment/swe.csv"
    source.parent.mkdir(parents=True)
    source.write_text("text,label,all_labels\nFint te idag,pos,x\nFint te idag,pos,x\nKall soppa,neg,x\n?,?\n", encoding="utf-8")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "corpora"))
    path = tmp_path / "corpus.yaml"
    path.write_text(f"output: {tmp_path / 'out'}\nsources: [swe-sentiment]\n", encoding="utf-8")
    return path


def test_build_and_describe(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("build", str(settings)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["swe-sentiment", "3", "2", "1", "duplicate", "1"]
    assert lines[2] == f"2 rows kept; every removed row is listed with its reason in {settings.parent / 'out'}/removed.parquet"
    assert lines[3] == "swe-sentiment swe.csv:5: 2 columns, expected 3"
    assert run("describe", str(settings), "--by", "dataset") == 0
    assert "swe-sentiment" in capsys.readouterr().out.splitlines()[1]


def test_json_and_nothing_removed(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "corpora/swe-sentiment/swe.csv").write_text("text,label\nFint te,pos\n", encoding="utf-8")
    assert run("build", str(settings)) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["swe-sentiment", "1", "1", "0", "-"]
    assert run("build", str(settings), "--json") == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["datasets"]["swe-sentiment"]["kept"] == 1
    assert run("describe", str(settings), "--json") == 0
    assert [row["culture"] for row in json.loads(capsys.readouterr().out)] == ["sv-SE"]


def test_bad_input_ends_with_2_and_one_sentence(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("describe", str(settings)) == 2
    assert "run `python -m models corpus build CONFIG` first" in capsys.readouterr().err
    settings.write_text("output: x\nsources: [tea]\n", encoding="utf-8")
    assert run("build", str(settings)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: There is no importer for 'tea'")
    assert error.count("\n") == 1


def test_pack_from_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from models.training.tokenizer import TokenizerConfig, train_tokenizer

    table, folder = tmp_path / "talks.jsonl", tmp_path / "run"
    table.write_text('{"text": "good tea", "label": "positive"}\n{"text": "cold tea"}\n', encoding="utf-8")
    train_tokenizer(["good tea", "cold tea"] * 3, TokenizerConfig(vocab_size=300, min_frequency=1)).save_pretrained(folder / "tokenizer")
    settings = tmp_path / "run.yaml"
    content = f"name: x\ncorpus: {table}\nfolder: {folder}\ncheckpoint: {tmp_path / 'c'}\nfinetuning: {{phases: [{{name: all}}]}}\n"
    settings.write_text(content, encoding="utf-8")
    assert run("pack", str(settings)) == 0
    assert capsys.readouterr().out.startswith("2 rows, ")
    assert run("pack", str(settings), "--json") == 0
    manifest = json.loads(capsys.readouterr().out)
    assert (manifest["rows"], manifest["datasets"]) == (2, ["talks"])
    table.write_text('{"text": "good tea", "label": "pos"}\n', encoding="utf-8")
    assert run("pack", str(settings)) == 2
    assert "A row of talks has label 'pos' and split 'train'; labels are negative, neutral, positive" in capsys.readouterr().err
