"""Evaluation of a translator: which rows are measured, how they are grouped, and the card that is written."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

from models.config import from_mapping
from models.data.pairs import Pair
from models.errors import CheckpointError, CorpusError, InputError
from models.training.translation_run import TranslationEvaluationConfig, TranslationRunConfig
from models.translation_card import format_card, learning_curve, write_translation_card
from models.translation_evaluation import evaluate_translator, format_headline, headline, read_rows, translate_rows
from models.translator import Translator

TOY = Path(__file__).parents[2] / "checkpoints" / "toy-translation"
DIRECTIONS = ("en-de", "de-en", "en-zh")
TABLE = [
    ("The teacher buys a red apple today.", "Der Lehrer kauft heute einen roten Apfel.", "en", "de", "de-DE", "shop", "test"),
    ("The cook sees a lamp at home.", "Der Koch erblickt daheim eine Lampe.", "en", "de", "de-AT", "home", "test"),
    ("My father often needs a coat.", "我爸爸常常需要一件外套。", "en", "zh", "zh-CN", "home", "test"),
    ("a training row", "ein Satz zum Lernen", "en", "de", "de-DE", "home", "train"), (" ", "leer", "en", "de", "de-DE", "home", "test"),
    ("Otra cosa", "Something else", "es", "en", "es-ES", "home", "test"),
]


@pytest.fixture
def config(tmp_path: Path) -> TranslationRunConfig:
    keys = ("source", "target", "source_language", "target_language", "culture", "domain", "split")
    path = tmp_path / "ours.jsonl"
    path.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in TABLE), encoding="utf-8")
    shutil.copytree(TOY, tmp_path / "model")
    return from_mapping(TranslationRunConfig, {
        "name": "tiny", "corpus": str(tmp_path / "none"), "folder": str(tmp_path / "run"), "checkpoint": str(tmp_path / "model"),
        "directions": list(DIRECTIONS), "evaluation": {"tables": [str(path)], "headline": ["ours/en-de"], "resamples": 30, "num_beams": 2},
    })


@pytest.fixture
def report(config: TranslationRunConfig) -> dict[str, Any]:
    return evaluate_translator(config)


def test_held_out_rows_in_both_directions(config: TranslationRunConfig) -> None:
    rows = list(read_rows(config.evaluation, DIRECTIONS))
    assert [(row.direction, row.culture, row.domain, row.dataset) for row in rows] == [
        ("en-de", "de-DE", "shop", "ours"), ("en-de", "de-AT", "home", "ours"), ("de-en", "de-DE", "shop", "ours"), ("de-en", "de-AT", "home", "ours"),
        ("en-zh", "zh-CN", "home", "ours")]
    assert (rows[2].source, rows[2].reference) == (TABLE[0][1], TABLE[0][0])
    assert len(list(read_rows(replace(config.evaluation, rows=1), DIRECTIONS))) == 3


def pair(source: str, languages: tuple[str, str], split: str) -> Pair:
    return Pair(source, f"{source} there", *languages, "de-DE", "talk", "set", split, "CC0")


def test_the_test_split_comes_first_and_published_directions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [pair("one", ("en", "de"), "test"), pair("two", ("de", "en"), "test"), pair("three", ("en", "de"), "validation")]
    monkeypatch.setattr("models.translation_evaluation.read_pairs", lambda name: iter(pairs))
    rows = list(read_rows(TranslationEvaluationConfig(datasets=("set",)), ("en-de", "de-en")))
    assert [(row.direction, row.source) for row in rows] == [("en-de", "one"), ("de-en", "two")]
    monkeypatch.setattr("models.translation_evaluation.read_pairs", lambda name: iter(pairs[2:]))
    rows = list(read_rows(TranslationEvaluationConfig(datasets=("set",)), ("en-de", "de-en")))
    assert [(row.direction, row.source) for row in rows] == [("en-de", "three"), ("de-en", "three there")]
    with pytest.raises(CorpusError, match="set has no held-out pair in en-fr; take it out of the evaluation"):
        list(read_rows(TranslationEvaluationConfig(datasets=("set",)), ("en-fr",)))


def test_figures_are_those_of_sacrebleu_on_the_hypotheses(config: TranslationRunConfig, report: dict[str, Any], toy_translator: Translator) -> None:
    rows = [row for row in read_rows(config.evaluation, DIRECTIONS) if row.direction == "en-de"]
    hypotheses = translate_rows(toy_translator, rows, 2)
    assert hypotheses == [item.hypothesis for item in toy_translator.translate([row.source for row in rows], "en", "de", num_beams=2)]
    (measured,) = [row for row in report["datasets"] if row["direction"] == "en-de"]
    assert measured["metrics"]["bleu"]["value"] == pytest.approx(sacrebleu.corpus_bleu(hypotheses, [[row.reference for row in rows]]).score)
    assert measured["signatures"]["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a")


def test_groups(report: dict[str, Any]) -> None:
    assert [(row["direction"], row["count"]) for row in report["by_direction"]] == [("de-en", 2), ("en-de", 2), ("en-zh", 1)]
    assert [(row["direction"], row["culture"], row["count"]) for row in report["by_culture"]] == [
        ("de-en", "de-AT", 1), ("de-en", "de-DE", 1), ("en-de", "de-AT", 1), ("en-de", "de-DE", 1), ("en-zh", "zh-CN", 1)]
    assert {row["domain"] for row in report["by_domain"]} == {"home", "shop"}
    perfect = next(row for row in report["by_culture"] if (row["direction"], row["culture"]) == ("en-de", "de-DE"))
    assert perfect["metrics"]["chrf"]["value"] == pytest.approx(100)
    assert report["signature"]["num_beams"] == 2 and len(report["signature"]["data_sha256"]) == 64


def test_headline_table(report: dict[str, Any]) -> None:
    (row,) = report["headline"]
    assert (row["dataset"], row["direction"]) == ("ours", "en-de")
    lines = format_headline(report).splitlines()
    assert lines[1].split()[:3] == ["ours", "en-de", "2"] and f"{row['metrics']['bleu']['value']:.1f} [" in lines[1]
    assert any(line.startswith("bleu: nrefs:1") for line in lines)
    assert len(headline(TranslationEvaluationConfig(), report["datasets"])) == 3
    with pytest.raises(InputError, match="The headline row 'ours/zh-en' was not measured; measured are ours/de-en"):
        headline(TranslationEvaluationConfig(headline=("ours/zh-en",)), report["datasets"])


def test_card_has_what_was_measured(config: TranslationRunConfig, report: dict[str, Any]) -> None:
    log = Path(config.folder) / "training" / "log.jsonl"
    log.parent.mkdir(parents=True)
    lines = [{"step": 1, "loss": 4.0}, {"step": 2, "loss": 2.0}, {"step": 2, "development": -2.5}, {"step": 3, "loss": 1.0}, {"step": 3, "development": -2.0}]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert learning_curve(config) == [{"step": 2, "training_loss": 3.0, "development_loss": 2.5},
                                      {"step": 3, "training_loss": pytest.approx(7 / 3), "development_loss": 2.0}]
    write_translation_card(config, report)
    card = (Path(config.checkpoint) / "README.md").read_text(encoding="utf-8")
    value = report["headline"][0]["metrics"]["bleu"]["value"]
    assert f"- name: BLEU, ours en-de\n  value: {round(value, 1)}" in card and "| 3 | 2.33 | 2.00 |" in card
    assert "| de-AT | en-de | 1 |" in card and "`nrefs:1|case:mixed|eff:no|tok:zh|" in card
    written = json.loads((Path(config.checkpoint) / "evaluation.json").read_text(encoding="utf-8"))
    assert written["by_culture"] == report["by_culture"] and len(written["learning_curve"]) == 2
    log.unlink()
    write_translation_card(config, report)
    assert json.loads((Path(config.checkpoint) / "evaluation.json").read_text(encoding="utf-8"))["learning_curve"] == written["learning_curve"]


def test_card_without_a_log_says_so(config: TranslationRunConfig, report: dict[str, Any]) -> None:
    run = {"config": {"model": {"encoder_layers": 1, "decoder_layers": 1, "hidden_size": 8, "num_attention_heads": 1, "max_length": 48},
                      "tokenizer": {"vocab_size": 300}},
           "stages": {"training": {"steps": 3, "pairs": 4, "seconds": 60, "padding_percent": 1.0, "stopped_early": True}}}
    text = format_card(config, run, {**report, "training_data": [], "learning_curve": []})
    assert "there is no learning curve" in text and "stopped early" in text


def test_a_folder_without_settings_gets_no_card(config: TranslationRunConfig, report: dict[str, Any]) -> None:
    (Path(config.checkpoint) / "run.yaml").unlink()
    with pytest.raises(CheckpointError, match=r"run\.yaml does not exist; run `python -m models train` with this configuration first"):
        write_translation_card(config, report)
