"""The data sheet of a table of pairs by hand, and `models corpus` for both kinds of corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from models.data.corpus import ROOT_VARIABLE
from models.data.pair_sheet import describe_pairs, format_pair_sheet
from models.data.pairs import PAIR_COLUMNS
from models.errors import CorpusError

ROWS = [
    ("Tea.", "茶。", "en", "zh", "zh-CN", "news", "a", "train", "CC0", "", 0),
    ("Tea now.", "现在喝茶。", "en", "zh", "zh-CN", "captions", "b", "test", "MIT", "", 0),
    ("茶", "Tea", "zh", "en", "zh-CN", "news", "a", "train", "CC0", "", 0), ("Tea.", "Tee.", "en", "de", "de-DE", "news", "a", "validation", "CC0", "", 0),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    parquet.write_table(arrow.table({name: [row[place] for row in ROWS] for place, name in enumerate(PAIR_COLUMNS)}), tmp_path / "pairs.parquet")
    return tmp_path


def test_sheet_by_hand(table: Path) -> None:
    chinese, german = describe_pairs(table)
    assert chinese == {"culture": "zh-CN", "rows": 3, "train": 2, "validation": 0, "test": 1, "median_source_characters": 4, "median_target_characters": 3,
                       "directions": ["en-zh", "zh-en"], "datasets": ["a", "b"], "domains": ["captions", "news"], "licences": ["CC0", "MIT"]}
    assert (german["culture"], german["rows"], german["validation"]) == ("de-DE", 1, 1)
    assert german["directions"] == ["en-de"]


@pytest.mark.parametrize(("by", "rows"), [
    ("language", {"en-zh": 2, "en-de": 1, "zh-en": 1}), ("dataset", {"a": 3, "b": 1}), ("domain", {"news": 3, "captions": 1})])
def test_sheet_by_other_columns(table: Path, by: str, rows: dict[str, int]) -> None:
    assert {row[by]: row["rows"] for row in describe_pairs(table, by)} == rows


def test_sheet_as_text(table: Path) -> None:
    header, first, second = format_pair_sheet(describe_pairs(table)).splitlines()
    assert header.split()[:6] == ["culture", "pairs", "train", "valid.", "test", "chars"]
    assert first.split() == ["zh-CN", "3", "2", "0", "1", "4/3", "a,", "b", "·", "CC0;", "MIT"]
    assert second.split()[:5] == ["de-DE", "1", "0", "1", "0"]


def test_a_table_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"pairs.parquet does not exist; run `python -m models corpus build CONFIG` first"):
        describe_pairs(tmp_path)


def run(*words: str) -> int:
    from models.cli import run_command

    return run_command("models", "test", {"corpus": "corpora"}, ["corpus", *words])


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source = tmp_path / "corpora/tatoeba-cmn/data/cmn.txt"
    source.parent.mkdir(parents=True)
    source.write_text("Cold tea.\t凉茶。\tx\nCold tea.\t凉茶。\tx\nA cup.\t杯子。\tx\nbroken\n", encoding="utf-8")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "corpora"))
    path = tmp_path / "pairs.yaml"
    path.write_text(f"task: translation\noutput: {tmp_path / 'out'}\nsources: [tatoeba-cmn]\n", encoding="utf-8")
    return path


def test_build_and_describe_choose_by_the_task(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("describe", str(settings)) == 2
    assert "pairs.parquet does not exist; run `python -m models corpus build CONFIG` first" in capsys.readouterr().err
    assert run("build", str(settings)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["tatoeba-cmn", "3", "2", "1", "duplicate", "1"]
    assert lines[2] == f"2 rows kept; every removed row is listed with its reason in {settings.parent / 'out'}/removed.parquet"
    assert lines[3] == "tatoeba-cmn cmn.txt:4: 1 columns, expected 3"
    assert run("describe", str(settings), "--by", "language") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["en-zh", "2"]


def test_json_of_both(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("build", str(settings), "--json") == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["datasets"]["tatoeba-cmn"]["kept"] == report["rows"] == 2
    assert run("describe", str(settings), "--json") == 0
    assert [row["culture"] for row in json.loads(capsys.readouterr().out)] == ["zh-CN"]


@pytest.mark.parametrize(("content", "sentence"), [
    ("task: summary\noutput: x\n", "has the task 'summary'; tasks are sentiment, translation"),
    ("task: translation\noutput: x\nnear_threshold: 0.5\n", "has the unknown key 'near_threshold'"),
    ("task: sentiment\noutput: x\nlength_ratio: 2.0\n", "has the unknown key 'length_ratio'"),
    ("task: translation\noutput: x\nsources: [umsab]\n", "There is no importer of pairs for 'umsab'"),
])
def test_bad_files_end_with_2_and_one_sentence(settings: Path, content: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings.write_text(content, encoding="utf-8")
    for action in ("build", "describe"):
        assert run(action, str(settings)) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1


def test_a_config_of_texts_refuses_another_task() -> None:
    from models.data.corpus import CorpusConfig
    from models.errors import ConfigError

    with pytest.raises(ConfigError, match="A corpus of labelled texts has the task 'translation', expected 'sentiment'"):
        CorpusConfig(output="x", task="translation")
