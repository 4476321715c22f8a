"""Embeddings against one plain forward pass after the other; equal rows once; batches of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.classifier import Classifier
from models.embedding import embed_rows, embed_texts
from models.errors import Cancelled, ModelError
from models.tokens import tokenize
from tests.conftest import TEXTS


def plain(model: Classifier, text: str) -> np.ndarray:
    """Mean of the last hidden states that the whole model gives for one text, over what is not special."""
    encoded = tokenize(model, text)
    with torch.no_grad():
        states = model.model(input_ids=torch.tensor([encoded.input_ids]), output_hidden_states=True).hidden_states[-1][0]
    return np.asarray(states[~torch.tensor(encoded.special)].mean(0))


def test_they_are_means_of_the_last_hidden_states(tiny_classifier: Classifier) -> None:
    texts = [*TEXTS, "", " \u200b", "[SEP] typed </s> by a person", "long " * 300]
    read, found = embed_texts(tiny_classifier, texts)
    expected = {number: plain(tiny_classifier, text) for number, text in enumerate(texts) if number not in (len(TEXTS), len(TEXTS) + 1)}
    assert read.tolist() == list(expected) and found.shape == (len(expected), 32) and found.dtype == np.float32
    assert np.abs(found - np.stack(list(expected.values()))).max() < 1e-5


def test_equal_rows_are_evaluated_once(tiny_bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    forward = tiny_bert.model.base_model.forward

    def counted(*args: Any, **settings: Any) -> Any:
        assert tiny_bert.lock._is_owned()
        seen.append(len(settings["input_ids"]))
        return forward(*args, **settings)

    monkeypatch.setattr(tiny_bert.model.base_model, "forward", counted)
    rows = [tokenize(tiny_bert, text).input_ids for text in TEXTS[:3]]
    told: list[tuple[int, int]] = []
    found = embed_rows(tiny_bert, [*rows, *rows, rows[0]], token_budget=1, progress=lambda *now: told.append(now))
    assert seen == [1, 1, 1] and told == [(1, 3), (2, 3), (3, 3)]
    assert (found[:3] == found[3:6]).all() and (found[6] == found[0]).all()
    whole = embed_rows(tiny_bert, rows)
    assert len(seen) == 4 and np.abs(whole - found[:3]).max() < 1e-5


def test_it_stops_and_says_what_is_broken(tiny_bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        embed_texts(tiny_bert, TEXTS, progress=stop)
    assert embed_texts(tiny_bert, ["", " "])[1].shape == (0, 32)
    with monkeypatch.context() as patch:
        patch.setattr(tiny_bert.model.base_model.embeddings.word_embeddings.weight, "data", torch.full((len(tiny_bert.tokenizer), 32), torch.nan))
        with pytest.raises(ModelError, match="not numbers"):
            embed_texts(tiny_bert, TEXTS)
    monkeypatch.setattr(type(tiny_bert.model), "base_model", property(lambda self: self))
    with pytest.raises(ModelError, match="has no encoder apart from its head"):
        embed_texts(tiny_bert, TEXTS)
