"""`predict`, `evaluate` and `train` for translation: the same numbers as in Python, and one sentence for bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from models import __main__ as command_line
from models.config import load_config
from models.training.translation_run import STAGES, TranslationRunConfig
from models.translation_evaluation import evaluate_translator, format_headline
from models.translator import Translator

ROOT = Path(__file__).parents[3]
TOY = ROOT / "checkpoints" / "toy-translation"
TEXTS = ["The teacher buys a red apple today.", "", "My sister sees a lamp, often.", "\u200b", "The teacher buys a red apple today.", "apple " * 80]
PAIR = ("--source-language", "en", "--target-language", "de")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "source"], *([str(number), text] for number, text in enumerate(TEXTS))])
    return path


def predict(*words: object) -> int:
    return command_line.main(["predict", "--task", "translation", "--model", str(TOY), "--text-column", "source", *map(str, words)])


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = [line for line in capsys.readouterr().err.replace("\r", "\n").splitlines() if line.startswith("error: ")]
    return line


def test_the_table_has_the_translations_of_python(table: Path, tmp_path: Path, toy_translator: Translator, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--input", table, *PAIR, "--output", tmp_path / "out.csv", "--json") == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    usable = [number for number, text in enumerate(TEXTS) if text.strip("\u200b")]
    expected = toy_translator.translate([TEXTS[number] for number in usable], "en", "de")
    assert rows[0] == ["id", "source", "hypothesis"]
    assert [row[2] for row in rows[1:]] == [expected[usable.index(number)].hypothesis if number in usable else "" for number in range(len(TEXTS))]
    printed = json.loads(capsys.readouterr().out)
    assert printed["faulty_rows"] == [2, 4] and printed["count"] == 6 and printed["fingerprint"] == toy_translator.fingerprint
    assert [item["score"] for item in printed["translations"]] == pytest.approx([item.score for item in expected])
    assert printed["translations"][-1]["truncated_at"] is not None and printed["translations"][0]["truncated_at"] is None


@pytest.mark.parametrize(("words", "sentence"), [
    ((), "--source-language or --target-language is missing; say from which language into which"),
    (("--source-language", "en"), "--target-language is missing"),
    (("--source-language", "en", "--target-language", "en"), "Source and target are both 'en'"),
    (("--source-language", "en", "--target-language", "fr"), "does not translate en-fr; it knows en-de"),
    ((*PAIR, "--num-beams", "99"), "num_beams is 99, expected 1 to 16"),
])
def test_bad_settings_are_one_sentence(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str) -> None:
    assert predict("--input", table, *words, "--output", tmp_path / "out.csv") == 2
    assert sentence in error_of(capsys) and not (tmp_path / "out.csv").exists()


def test_a_taken_column_is_found_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text("source,hypothesis\napple,Birne\n", encoding="utf-8")
    monkeypatch.setattr("models.translator.search", lambda *args, **settings: pytest.fail("translated all the same"))
    assert predict("--input", tmp_path / "rows.csv", *PAIR, "--json") == 2
    assert "has a column 'hypothesis' already" in error_of(capsys)


def test_a_classifier_cannot_translate(table: Path, tiny_checkpoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["predict", "--task", "translation", "--model", str(tiny_checkpoints / "bert"), "--text-column", "source", "--input", str(table),
                              *PAIR, "--json"]) == 2
    assert "is a bert model without encoder and decoder" in error_of(capsys)


@pytest.fixture
def small_run(tmp_path: Path) -> Path:
    """The toy run with a few pairs and steps, in folders of its own."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "configs/toy_translation.yaml").read_text(encoding="utf-8"))
    lines = (ROOT / "data/toy/pairs.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "pairs.jsonl").write_text("\n".join([*lines[:12], *lines[-60:]]), encoding="utf-8")
    content |= {"corpus": str(tmp_path / "pairs.jsonl"), "folder": str(tmp_path / "run"), "checkpoint": str(tmp_path / "tiny"), "development": 0}
    content["tokenizer"]["vocab_size"] = 480
    content["model"] |= {"hidden_size": 16, "intermediate_size": 16, "encoder_layers": 1, "decoder_layers": 1}
    content["training"]["loop"] |= {"steps": 3, "batch_tokens": 200}
    content["evaluation"] |= {"tables": [str(tmp_path / "pairs.jsonl")], "resamples": 20}
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_trains_packs_and_evaluates(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["train", str(small_run)]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == list(STAGES)
    assert command_line.main(["train", str(small_run), "--resume", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(STAGES)
    assert command_line.main(["corpus", "pack", str(small_run)]) == 0
    assert capsys.readouterr().out.startswith("144 rows, ")
    assert command_line.main(["evaluate", str(small_run), "--no-write"]) == 0
    config = load_config(TranslationRunConfig, small_run)
    assert capsys.readouterr().out.rstrip("\n") == format_headline(evaluate_translator(config))
    assert not (Path(config.checkpoint) / "README.md").exists()
    assert command_line.main(["evaluate", str(small_run), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads(json.dumps(evaluate_translator(config)))
    written = json.loads((Path(config.checkpoint) / "evaluation.json").read_text(encoding="utf-8"))
    assert {name: written[name] for name in report} == report and (Path(config.checkpoint) / "README.md").is_file()


def test_unknown_stages_are_one_sentence(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["train", str(small_run), "--stages", "pretraining"]) == 2
    assert "--stages is 'pretraining', expected some of tokenizer, back_translation" in error_of(capsys)
