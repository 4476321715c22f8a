"""The embedded translators: what their cards say, and explanations that keep their promises on a hundred sentences in four directions."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from models import load_translator
from models.data.corpus import corpora_root
from models.errors import CorpusError
from models.training.translation_run import TranslationEvaluationConfig
from models.translation_evaluation import ReferencedRow, read_rows
from models.translator import Translator
from xai import METHODS, cross_attention

ROOT = Path(__file__).parents[2]
NAMES = [name for name in ("toy-translation", "translation") if (ROOT / "checkpoints" / name / "config.json").is_file()]
DIRECTIONS = {"toy-translation": ("en-de", "de-en", "en-zh", "zh-en"), "translation": ("en-zh", "zh-en", "en-de", "en-fr")}
SENTENCES = 25  # a direction
PARTS = 10  # in which what takes seconds a sentence is run
REQUIRED = {("multi30k", "en-de"): 30, ("multi30k", "en-fr"): 45, ("multi30k", "en-cs"): 22, ("msctd", "en-zh"): 9, ("msctd", "zh-en"): 9}  # BLEU
LIMIT_FILE, LIMIT_FOLDER = 50_000_000, 70_000_000  # bytes


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: str) -> Translator:
    return load_translator(str(ROOT / "checkpoints" / name))


@pytest.fixture(scope="module")
def sentences(name: str) -> list[ReferencedRow]:
    """25 held-out sentences a direction: toy pairs for the toy model, msctd and multi30k for the other."""
    config = TranslationEvaluationConfig(tables=(str(ROOT / "data/toy/pairs.jsonl"),), rows=SENTENCES)
    if name != "toy-translation":
        try:
            corpora_root()
        except CorpusError:
            pytest.skip("the public corpora are not on this machine; set CULTURELENS_CORPORA to their folder")
        config = TranslationEvaluationConfig(datasets=("msctd", "multi30k"), rows=SENTENCES)
    rows = list(read_rows(config, DIRECTIONS[name]))
    chosen = [row for direction in DIRECTIONS[name] for row in [r for r in rows if r.direction == direction][:SENTENCES]]
    assert Counter(row.direction for row in chosen) == dict.fromkeys(DIRECTIONS[name], SENTENCES)
    return chosen


def languages(row: ReferencedRow) -> dict[str, str]:
    source, target = row.direction.split("-")
    return {"source_language": source, "target_language": target}


def test_size_and_format(name: str) -> None:
    files = list((ROOT / "checkpoints" / name).iterdir())
    assert all(path.stat().st_size < LIMIT_FILE for path in files)
    assert sum(path.stat().st_size for path in files) < LIMIT_FOLDER
    assert not any(path.suffix in (".bin", ".pt", ".pkl") for path in files)


def test_card_reaches_the_required_figures(name: str) -> None:
    report = json.loads((ROOT / "checkpoints" / name / "evaluation.json").read_text(encoding="utf-8"))
    values = {(row["dataset"], row["direction"]): row["metrics"]["bleu"]["value"] for row in report["datasets"]}
    required = REQUIRED if name == "translation" else {("pairs", direction): 95 for direction in DIRECTIONS[name]}
    assert {key: values[key] for key, least in required.items() if values[key] < least} == {}


def test_forced_decoding_gives_back_the_score(model: Translator, sentences: list[ReferencedRow]) -> None:
    for row in sentences:
        (own,) = model.translate([row.source], *row.direction.split("-"))
        (forced,) = model.score([row.source], [own.hypothesis], *row.direction.split("-"))
        assert forced.score == pytest.approx(own.score, abs=1e-5), row.source


def test_attention_rows_sum_to_one(model: Translator, sentences: list[ReferencedRow]) -> None:
    for row in sentences:
        found = cross_attention.maps(model, row.source, row.reference, **languages(row))
        assert np.allclose(found.weights.sum(-1) + found.special_weights, 1, atol=1e-4)
        assert np.allclose(found.prefix_weights.sum(-1) + found.prefix_special_weights, 1, atol=1e-4)


@pytest.mark.parametrize("part", range(PARTS))
def test_integrated_gradients_are_complete(model: Translator, sentences: list[ReferencedRow], part: int) -> None:
    for row in sentences[part::PARTS]:
        found = METHODS["integrated_gradients"](model, row.source, row.reference, **languages(row))
        assert found.prefix_scores is not None and found.convergence_delta is not None
        explained = found.source_scores.sum(1) + found.prefix_scores.sum(1)
        whole = found.values - found.base_values
        assert np.abs(explained - whole) == pytest.approx(np.abs(found.convergence_delta), abs=1e-4)
        assert (np.abs(explained - whole) <= 0.02 * np.abs(whole) + 1e-4).all(), row.source  # nats; a token may hardly change at all


def test_shap_adds_up(model: Translator, sentences: list[ReferencedRow]) -> None:
    for row in sentences:
        found = METHODS["shap"](model, row.source, row.reference, **languages(row), max_evals=100)
        explained = found.source_scores.sum(1) + (0 if found.prefix_scores is None else found.prefix_scores.sum(1))
        assert explained == pytest.approx(found.values - found.base_values, abs=1e-3), row.source
