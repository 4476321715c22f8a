"""The benchmarks of explained translations on a tiny translator: that they count what they say they count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import alignment, explained_translations
from benchmarks import contributions as warnings_measured
from models.translator import Translator
from xai import TRANSLATION_METHODS
from xai.cross_attention import pair_maps
from xai.gold_alignments import read_alignments
from xai.word_alignment import align, diagonal_baseline, error_rate_of, onto_words


def test_alignment_error_rates(tiny_m2m100: Translator) -> None:
    gold = read_alignments("en-de")[:2]
    found = alignment.measure(tiny_m2m100, gold, "en-de", ["occlusion", "saliency"])
    assert list(found) == ["diagonal", "attention, layer 0", "attention, layer 1", "attention, all layers", "occlusion", "saliency",
                           "attention, layer chosen without gold"]
    by_hand = error_rate_of((diagonal_baseline(len(row.source_words), len(row.target_words)), row.sure, row.possible) for row in gold)
    assert found["diagonal"]["aer"] == by_hand
    links = []
    for row in gold:
        pair = alignment.force_gold(tiny_m2m100, row, "en-de")
        matrix = onto_words(pair_maps(pair).weights[1].mean(0), source_offsets=pair.source.offsets, target_offsets=pair.target.offsets,
                            source_words=row.source_offsets, target_words=row.target_offsets)
        assert matrix.shape == (len(row.target_words), len(row.source_words))
        links.append(align(matrix))
    assert found["attention, layer 1"]["aer"] == error_rate_of((one, row.sure, row.possible) for one, row in zip(links, gold, strict=True))
    assert found["attention, layer chosen without gold"] in (found["attention, layer 0"], found["attention, layer 1"])
    assert found["occlusion"]["seconds"] > 0


def test_alignment_table(translator_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "alignment.json"
    monkeypatch.setattr("sys.argv", ["alignment", "--model", str(translator_checkpoints / "m2m100"), "--pairs", "en-zh", "--methods", "occlusion",
                                     "--sentences", "1", "--output", str(output)])
    alignment.main()
    written, lines = json.loads(output.read_text(encoding="utf-8")), capsys.readouterr().out.splitlines()
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1] for line in lines[3:]}
    assert {name: f"{100 * row['aer']:.1f}" for name, row in written["pairs"]["en-zh"].items()} == rows


def test_promises_are_measured(tiny_m2m100: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["We drink tea."]
    found = explained_translations.measure(tiny_m2m100, texts, "en-de")
    assert found["sentences"] == 1 and found["tokens"] == len(tiny_m2m100.translate(texts, "en", "de")[0].tokens)
    assert found["completeness"] <= 2
    assert found["additivity"] <= 1e-3
    assert found["attention"] <= 1e-4
    assert found["forced"] <= 1e-4
    real = TRANSLATION_METHODS["shap"]

    def broken(*args: Any, **settings: Any) -> Any:
        result = real(*args, **settings)
        result.source_scores[-1, 0] += 0.5
        return result

    monkeypatch.setitem(TRANSLATION_METHODS, "shap", broken)  # type: ignore[arg-type]
    assert explained_translations.measure(tiny_m2m100, texts, "en-de")["additivity"] == pytest.approx(0.5, abs=1e-3)
    assert set(explained_translations.sentences()) == {"en", "de", "zh"}


def test_warnings_are_measured(tiny_m2m100: Translator) -> None:
    gold = read_alignments("en-de")[:2]
    told = warnings_measured.made_up(tiny_m2m100, gold, "occlusion", "en-de")
    assert told["words"] > 0
    assert told["best_caught"] - told["best_false_alarms"] >= told["caught"] - told["false_alarms"]
    left = warnings_measured.left_over(tiny_m2m100, gold, "occlusion", "en-de")
    assert 0 < left["left_over"] <= 2
    assert all(0 <= value <= 1 for name, value in {**told, **left}.items() if "caught" in name or "alarms" in name)
    assert np.isfinite(list({**told, **left}.values())).all()
