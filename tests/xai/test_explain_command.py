from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.loading import load_classifier, load_translator
from xai import METHODS, TRANSLATION_METHODS
from xai.__main__ import COMMANDS, main
from xai.commands.explain import METHOD_NAMES, TRANSLATION_METHOD_NAMES
from xai.faithfulness import measure_faithfulness
from xai.keys import result_key


def test_same_numbers_as_python(embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--model", "bert", "--method", "lime", "--text", "not bad", "--target", "neutral", "--seed", "4", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    expected = METHODS["lime"](load_classifier("bert"), "not bad", "neutral", seed=4)
    assert printed["scores"] == pytest.approx(expected.scores.tolist())
    assert printed["parameters"]["seed"] == 4


def test_faithfulness_is_that_of_the_function(embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "The film was not bad at all, I loved it."
    assert main(["explain", "--model", "bert", "--method", "occlusion", "--text", text, "--faithfulness", "--json"]) == 0
    printed, said = capsys.readouterr()
    model = load_classifier("bert")
    expected = measure_faithfulness(model, METHODS["occlusion"](model, text)).measures
    found = json.loads(printed)["faithfulness"]["measures"]
    assert found["verdict"] == expected.verdict and found["comprehensiveness"]["value"] == pytest.approx(expected.comprehensiveness.value)
    assert said.splitlines()[-1].startswith(expected.verdict)


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


def translation(model: Path, *words: str) -> list[str]:
    return ["explain", "--task", "translation", "--model", str(model), "--source-language", "en", "--target-language", "zh", *words]


@pytest.mark.parametrize("method", TRANSLATION_METHODS)
def test_translations_have_the_same_numbers_as_python(translator_checkpoints: Path, capsys: pytest.CaptureFixture[str], method: str) -> None:
    folder = translator_checkpoints / "m2m100"
    assert main(translation(folder, "--method", method, "--text", "We drink tea", "--hypothesis", "我们喝茶", "--seed", "4", "--json")) == 0
    printed = json.loads(capsys.readouterr().out)
    expected = TRANSLATION_METHODS[method](load_translator(str(folder)), "We drink tea", "我们喝茶", source_language="en", target_language="zh", seed=4)
    assert printed["method"] == method and printed["parameters"]["seed"] == 4
    assert printed["target_tokens"] == list(expected.target_tokens)
    assert printed["source_tokens"] == list(expected.source_tokens)
    for name in ("source_scores", "prefix_scores", "values", "base_values"):
        assert np.array(printed[name]) == pytest.approx(getattr(expected, name), abs=1e-5), name


def test_the_models_own_translation_word_by_word(translator_checkpoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = translator_checkpoints / "m2m100"
    own = load_translator(str(folder)).translate(["We drink tea"], "en", "zh")[0]
    assert main(translation(folder, "--method", "occlusion", "--text", "We drink tea")) == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert "".join(row[1] for row in rows) == "".join(own.tokens)
    assert sum(float(row[0]) for row in rows) == pytest.approx(sum(own.token_logprobs), abs=1e-2)
    assert {row[3] for row in rows} <= {"We", "drink", "tea"}
    assert "log-probability" in printed.err


@pytest.mark.parametrize(("words", "sentence"), [
    (["--text", " "], "error: The text is empty"),
    (["--text", "ok", "--target-language", "en"], "error: Source and target are both 'en'"),
    (["--text", "ok", "--target-language", "fr"], "does not translate en-fr"),
    (["--text", "ok", "--target-language", ""], "error: A translation is explained from one language to another; give --source-language"),
    (["--text", "ok", "--target", "positive"], "error: --target came with --task translation, expected --task sentiment"),
    (["--text", "ok", "--method", "attention_rollout"], "error: attention_rollout does not explain --task translation; choose one of shap"),
])
def test_bad_input_for_translations(translator_checkpoints: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert main(translation(translator_checkpoints / "m2m100", *words)) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1 and sentence in error[0]


@pytest.mark.parametrize(("words", "sentence"), [
    (["--hypothesis", "x"], "--hypothesis came with --task sentiment, expected --task translation"),
    (["--method", "cross_attention"], "cross_attention does not explain --task sentiment; choose one of shap"),
])
def test_what_is_for_translations_only(embedded: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert main(["explain", "--model", "bert", "--text", "ok", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_names_of_methods_agree() -> None:
    assert tuple(METHODS) == METHOD_NAMES
    assert tuple(TRANSLATION_METHODS) == TRANSLATION_METHOD_NAMES
    assert list(COMMANDS) == ["explain"]


def test_key_depends_on_everything() -> None:
    base = {"fingerprint": "f", "text": "t", "method": "shap", "target": "p", "parameters": {"a": 1}, "seed": 0}
    changed = [{"fingerprint": "g"}, {"text": "u"}, {"method": "lime"}, {"target": None}, {"parameters": {"a": 2}}, {"seed": 1}]
    keys = {result_key(**base), *(result_key(**{**base, **change}) for change in changed)}
    assert len(keys) == 7
