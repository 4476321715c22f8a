"""`python -m models evaluate`: the printed table, the files beside the weights, and one sentence for a bad run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.__main__ import main
from models.evaluation import evaluate_run, format_headline
from models.training.run import RunConfig


def test_prints_and_writes_the_same_report(run_file: Path, finished_run: RunConfig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run_file), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(evaluate_run(finished_run)))
    written = json.loads((Path(finished_run.checkpoint) / "evaluation.json").read_text(encoding="utf-8"))
    assert written == {**printed, "training_data": []}
    assert "| de | 2 |" in (Path(finished_run.checkpoint) / "README.md").read_text(encoding="utf-8")


def test_leaves_the_files_when_asked(run_file: Path, finished_run: RunConfig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run_file), "--no-write"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == format_headline(evaluate_run(finished_run))
    assert not (Path(finished_run.checkpoint) / "evaluation.json").exists()


@pytest.mark.parametrize(("content", "sentence"), [
    (None, "There is no configuration file"),
    ("name: x\nspeed: 3\n", "has the unknown key 'speed'"),
    ("name: x\n", "lacks the key 'corpus'"),
    ("name: 3\n", "name is 3, expected str"),
])
def test_a_bad_run_is_one_sentence_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, sentence: str) -> None:
    path = tmp_path / "bad.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert main(["evaluate", str(path)]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert len(errors.splitlines()) == 1
    assert errors.startswith("error: ")
    assert sentence in errors
