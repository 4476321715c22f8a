from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.loading import load_classifier
from xai import METHODS
from xai.__main__ import COMMANDS, main
from xai.commands.explain import METHOD_NAMES
from xai.keys import result_key


def test_same_numbers_as_python(embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--model", "bert", "--method", "lime", "--text", "not bad", "--target", "neutral", "--seed", "4", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    expected = METHODS["lime"](load_classifier("bert"), "not bad", "neutral", seed=4)
    assert printed["scores"] == pytest.approx(expected.scores.tolist())
    assert printed["parameters"]["seed"] == 4


def test_table_of_words(embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--model", "bert", "--method", "occlusion", "--text", "good film"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["good", "film"]


@pytest.mark.parametrize(("words", "sentence"), [
    (["--model", "bert", "--text", "  "], "error: The text is empty"),
    (["--model", "nowhere", "--text", "ok"], "error: There is no model 'nowhere'"),
    (["--model", "bert", "--text", "ok", "--target", "angry"], "is not a label of bert"),
])
def test_bad_input_is_one_line_and_exit_2(embedded: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert main(["explain", *words]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1 and sentence in error[0]


def test_names_of_methods_agree() -> None:
    assert tuple(METHODS) == METHOD_NAMES
    assert list(COMMANDS) == ["explain"]


def test_key_depends_on_everything() -> None:
    base = {"fingerprint": "f", "text": "t", "method": "shap", "target": "p", "parameters": {"a": 1}, "seed": 0}
    changed = [{"fingerprint": "g"}, {"text": "u"}, {"method": "lime"}, {"target": None}, {"parameters": {"a": 2}}, {"seed": 1}]
    keys = {result_key(**base), *(result_key(**{**base, **change}) for change in changed)}
    assert len(keys) == 7
