"""The embedded model on real sentences: what its card says holds, and its explanations keep their promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from audit import measure_cultures, read_probe
from models import load_classifier
from models.classifier import Classifier
from models.data.corpus import corpora_root, read_source
from models.errors import CorpusError
from models.evaluation import LabelledRow, measure_table, predict_rows
from models.training.run import EvaluationConfig
from xai import METHODS

FOLDER = Path(__file__).parents[2] / "checkpoints" / "sentiment"
pytestmark = pytest.mark.skipif(not (FOLDER / "config.json").is_file(), reason="checkpoints/sentiment is not in this checkout")
LIMIT_FILE, LIMIT_FOLDER = 50_000_000, 60_000_000  # bytes
FASTTEXT = {"ar": 46.0, "en": 50.9, "fr": 54.8, "de": 59.6, "hi": 37.1, "it": 54.7, "pt": 55.1, "es": 50.1}  # Barbieri et al. 2022
MEAN = 58.0
SOURCES = {"umsab": 8, "chinese-nlp-corpus": 1, "wisesight-th": 1}  # data set: languages taken
SENTENCES = 20  # a language


@pytest.fixture(scope="module")
def model() -> Classifier:
    return load_classifier("sentiment")


@pytest.fixture(scope="module")
def evaluation() -> dict[str, object]:
    content: dict[str, object] = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    return content


def require_corpora() -> None:
    try:
        corpora_root()
    except CorpusError:
        pytest.skip("the public corpora are not on this machine; set CULTURELENS_CORPORA to their folder")


def real_sentences() -> list[str]:
    """Twenty validation sentences of each of ten languages; of the culture probe where the corpora are absent."""
    try:
        corpora_root()
    except CorpusError:
        cultures = sorted({s.culture for s in read_probe()})[:10]
        return [s.text for culture in cultures for s in [s for s in read_probe() if s.culture == culture][:SENTENCES]]
    found: dict[str, list[str]] = {}
    for source in SOURCES:
        for example in read_source(source, split="validation"):
            own = found.setdefault(example.language, [])
            if example.text and len(own) < SENTENCES:
                own.append(example.text)
    return [text for texts in found.values() for text in texts]


def umsab() -> Iterator[LabelledRow]:
    for example in read_source("umsab", split="validation"):
        yield LabelledRow(example.text, example.label, example.language, example.culture)


def test_size_and_format() -> None:
    files = list(FOLDER.iterdir())
    assert all(path.stat().st_size < LIMIT_FILE for path in files)
    assert sum(path.stat().st_size for path in files) < LIMIT_FOLDER
    assert not any(path.suffix in (".bin", ".pt", ".pkl") for path in files)


def test_card_reaches_the_published_figures(evaluation: dict[str, object]) -> None:
    headline = evaluation["headline"]
    assert isinstance(headline, dict) and headline["dataset"] == "umsab"
    values = {row["language"]: row["macro_f1"]["value"] for row in headline["rows"]}
    assert set(values) == set(FASTTEXT)
    assert headline["mean_macro_f1"]["value"] >= MEAN
    assert {language for language, value in values.items() if value <= FASTTEXT[language]} == set()


def test_card_says_what_is_measured_now(model: Classifier, evaluation: dict[str, object]) -> None:
    require_corpora()
    rows = list(umsab())
    measured = measure_table(rows, predict_rows(model, rows), model.labels, EvaluationConfig())
    said = evaluation["headline"]
    assert isinstance(said, dict)
    assert measured["mean_over_languages"]["macro_f1"]["value"] == pytest.approx(said["mean_macro_f1"]["value"], abs=0.2)
    for row in said["rows"]:
        now = measured["by_language"][row["language"]]
        assert now["count"] == row["count"] == 324
        assert now["metrics"]["macro_f1"]["value"] == pytest.approx(row["macro_f1"]["value"], abs=0.7)  # one or two texts on another CPU


def test_shap_adds_up_on_200_real_sentences(model: Classifier) -> None:
    texts = real_sentences()
    assert len(texts) == 200
    for text in texts:
        result = METHODS["shap"](model, text, max_evals=64)
        assert result.scores.sum() == pytest.approx(result.value - result.base_value, abs=1e-3), text


def test_integrated_gradients_converge_on_200_real_sentences(model: Classifier) -> None:
    for text in real_sentences():
        result = METHODS["integrated_gradients"](model, text)
        assert abs(result.convergence_delta) < 0.01 * abs(result.value - result.base_value), text


def test_shuffled_weights_give_other_attributions(model: Classifier) -> None:
    """Model randomisation (Adebayo et al. 2018): an explanation that survives shuffled weights explains something else."""
    shuffled = load_classifier("sentiment")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in shuffled.model.parameters():
            value.copy_(value.flatten()[torch.randperm(value.numel(), generator=generator)].view_as(value))
    for method in METHODS:
        correlations = []
        for sentence in read_probe()[:200:20]:
            ours, theirs = (METHODS[method](m, sentence.text, "negative", **({"max_evals": 200} if method == "shap" else {})) for m in (model, shuffled))
            if len(ours.tokens) > 3:
                correlations.append(np.corrcoef(ours.scores, theirs.scores)[0, 1])
        assert np.nanmean(np.abs(correlations)) < 0.6, (method, correlations)


def test_better_than_guessing_in_every_probe_culture(model: Classifier) -> None:
    report = measure_cultures(model, read_probe())
    assert len(report.by_culture) >= 12
    assert report.overall.metrics["macro_f1"].low > 100 / 3
