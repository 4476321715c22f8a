"""Predictions: the model's own numbers, in order, the same for two visitors at once, and a sentence for what cannot be read."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from models.classifier import Classifier, Prediction
from models.errors import InputError
from models.tokens import tokenize
from tests.conftest import TEXTS
from xai import METHODS

HOSTILE = Path(__file__).parents[3] / "shared" / "hostile" / "blns.json"


def check_prediction(handle: Classifier, found: Prediction) -> None:
    """Everything the docstring of `Prediction` promises."""
    assert tuple(found.probabilities) == handle.labels
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert all(0 <= value <= 1 for value in found.probabilities.values())
    assert found.probabilities[found.label] == max(found.probabilities.values())
    assert found.truncated_at is None or 0 < found.truncated_at < len(found.text)


@pytest.mark.parametrize("text", TEXTS)
def test_probabilities_are_the_models_own(tiny_classifier: Classifier, text: str) -> None:
    ids = tiny_classifier.tokenizer(text, truncation=True, max_length=tiny_classifier.max_length, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        expected = tiny_classifier.model(input_ids=ids).logits.softmax(-1)[0].tolist()
    found = tiny_classifier.predict([text])[0]
    assert list(found.probabilities.values()) == pytest.approx(expected, abs=1e-5)
    check_prediction(tiny_classifier, found)


def test_order_is_kept_and_no_text_gives_none(tiny_bert: Classifier) -> None:
    asked = [*TEXTS, TEXTS[2], *reversed(TEXTS)]
    assert [found.text for found in tiny_bert.predict(asked)] == asked
    assert tiny_bert.predict([]) == []


@pytest.mark.parametrize("text", [
    "😀😀🎉", "a" * 1_000_000, "good\ud800film", "a\x00b", "\u202egood\u202c", "go\u200bod", "-", "．", "1e9", "=1+1", "<script>", "﷽",
], ids=range(12))
def test_odd_text_gives_a_prediction(tiny_bert: Classifier, text: str) -> None:
    found = tiny_bert.predict([text])[0]
    check_prediction(tiny_bert, found)
    found.text.encode("utf-8")


@pytest.mark.parametrize(("text", "sentence"), [
    ("", "The text is empty"), (" \t\u3000\n", "The text is empty"), ("\x00\x01", "The text is empty"),
    ("\u200b\u200d\ufeff", "no visible character"), ("\u202e\u2066", "no visible character"), (None, "The text is NoneType"),
])
def test_unreadable_text_is_refused_among_good_ones(tiny_bert: Classifier, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        tiny_bert.predict(["good", text, "film"])


def test_hidden_characters_change_nothing_but_what_the_model_sees(tiny_bert: Classifier) -> None:
    clean, hidden = tiny_bert.predict(["good film", "good\x00 film\x07"])
    assert hidden == clean


@pytest.mark.skipif(not HOSTILE.is_file(), reason="the hostile strings are not beside this checkout")
def test_hostile_strings_give_a_prediction_or_a_sentence(tiny_classifier: Classifier) -> None:
    good, refused = [], []
    strings = json.loads(HOSTILE.read_text(encoding="utf-8"))
    for text in strings:
        try:
            good.append(tokenize(tiny_classifier, text))
        except InputError as error:
            assert error.key in ("text-empty", "text-invisible", "text-no-token")
            refused.append(text)
    for found in tiny_classifier.predict_tokenized(good):
        check_prediction(tiny_classifier, found)
    assert len(strings) > 400
    assert len(refused) < 15


def test_two_visitors_get_the_numbers_of_one(tiny_bert: Classifier) -> None:
    names = ("occlusion", "input_x_gradient", "integrated_gradients", "attention_rollout")
    work = [(name, text) for text in TEXTS[:6] for name in ("predict", *names)]

    def answer(job: tuple[str, str]) -> list[float]:
        name, text = job
        if name == "predict":
            return list(tiny_bert.predict([text])[0].probabilities.values())
        return [float(score) for score in METHODS[name](tiny_bert, text, "positive").scores]

    alone = [answer(job) for job in work]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(answer, [*work, *reversed(work)]))
    assert together == [*alone, *reversed(alone)]
