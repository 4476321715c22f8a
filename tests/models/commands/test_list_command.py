"""`python -m models list`: names of the embedded models, one a line or as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.__main__ import main
from models.loading import list_checkpoints

NAMES = ["bert", "distilbert", "slow", "wide-deep", "xlm-roberta"]


def test_one_name_a_line(embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == NAMES == list_checkpoints()


def test_json(embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == NAMES


def test_folders_that_are_no_model_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("模型", "half"):
        (tmp_path / name).mkdir()
    (tmp_path / "模型" / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("CULTURELENS_CHECKPOINTS", str(tmp_path))
    assert main(["list", "--json"]) == 0
    assert capsys.readouterr().out == '["模型"]\n'
