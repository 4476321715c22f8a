"""Masked words by number: what is said without them, and what the browser may ask for."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from models.classifier import Classifier
from models.tokens import tokenize
from tests.conftest import TEXTS
from ui.word_masking import chosen, words_of
from xai.masking import MaskedOutput, predict_without_words


@pytest.mark.parametrize("text", TEXTS)
def test_probabilities_without_words(tiny_classifier: Classifier, text: str) -> None:
    tokenized = tokenize(tiny_classifier, text)
    owners = np.array(tokenized.word_ids)
    (whole,) = tiny_classifier.predict([text])
    assert predict_without_words(tiny_classifier, tokenized, []) == pytest.approx(whole.probabilities)
    for label in tiny_classifier.labels:
        output = MaskedOutput(tiny_classifier, text, label)
        for words in ([0], [0, owners[-1]], range(owners[-1] + 1)):
            expected = float(output(~np.isin(owners, list(words)))[0])
            assert predict_without_words(tiny_classifier, tokenized, words)[label] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("text", TEXTS)
def test_every_word_is_a_button(tiny_bert: Classifier, text: str) -> None:
    tokenized = tokenize(tiny_bert, text)
    words = words_of(tokenized)
    assert len(words) == tokenized.word_ids[-1] + 1 and all(words)
    for first, second in itertools.pairwise(words):
        assert text.index(first) <= text.rindex(second)


def test_what_nobody_can_mask_is_left_out() -> None:
    assert chosen(SimpleNamespace(masked=[3, 1, 1, -1, 9, "2", True, None, [0]]), 5) == [1, 3]
    assert chosen(SimpleNamespace(masked="012"), 5) == chosen(SimpleNamespace(masked=None), 5) == chosen(None, 5) == []
