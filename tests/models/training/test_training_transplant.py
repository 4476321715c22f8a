"""A classifier moves to another vocabulary: known pieces keep their embedding, new ones are the mean of their spelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from models.errors import ConfigError
from models.training.finetuning import FinetuningConfig, PhaseConfig, new_classifier
from models.training.tokenizer import TokenizerConfig, train_tokenizer
from models.training.transplant import transplant

LABELS = ("negative", "neutral", "positive")


@pytest.fixture
def trained(tokenizer: Any, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                        max_position_embeddings=48, num_labels=3, pad_token_id=tokenizer.pad_token_id)
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def other(table_rows: list[dict[str, Any]]) -> Any:
    """A tokenizer with more and longer pieces than the first."""
    return train_tokenizer((row["text"] for row in table_rows), TokenizerConfig(vocab_size=900, min_frequency=2, max_length=48))


def logits(model: Any, tokenizer: Any, text: str) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model.eval()(**tokenizer(text, return_tensors="pt")).logits
    return result


def test_the_same_vocabulary_changes_nothing(trained: Path, tokenizer: Any) -> None:
    before = BertForSequenceClassification.from_pretrained(trained)
    after = transplant(trained, tokenizer)
    assert torch.equal(logits(before, tokenizer, "the soup was cold again."), logits(after, tokenizer, "the soup was cold again."))


def test_known_pieces_stay_and_new_ones_are_the_mean_of_their_spelling(trained: Path, tokenizer: Any, other: Any) -> None:
    old = BertForSequenceClassification.from_pretrained(trained).get_input_embeddings().weight
    model = transplant(trained, other)
    new, known = model.get_input_embeddings().weight, tokenizer.get_vocab()
    assert new.shape == (len(other), 32)
    assert model.config.vocab_size == len(other) > len(tokenizer)
    fresh = 0
    for piece, number in other.get_vocab().items():
        if piece in known:
            assert torch.equal(new[number], old[known[piece]])
        else:
            spelt = [token.id for token in tokenizer.backend_tokenizer.model.tokenize(piece)]
            assert len(spelt) > 1
            assert torch.allclose(new[number], old[spelt].mean(0))
            fresh += 1
    assert fresh > 100
    assert logits(model, other, "the soup").shape == (1, 3)


def test_transfer_can_start_from_it(trained: Path, other: Any) -> None:
    config = FinetuningConfig(phases=(PhaseConfig("one"),), dropout=0.25, start=str(trained))
    model = new_classifier("nowhere", LABELS, config, 1, other)
    assert model.config.hidden_dropout_prob == 0.25
    assert model.config.id2label == dict(enumerate(LABELS))
    assert torch.equal(model.bert.encoder.layer[1].output.dense.weight,
                       BertForSequenceClassification.from_pretrained(trained).bert.encoder.layer[1].output.dense.weight)


def test_a_start_in_half_precision_is_trained_in_full(trained: Path, tokenizer: Any) -> None:
    BertForSequenceClassification.from_pretrained(trained).half().save_pretrained(trained)
    model = transplant(trained, tokenizer)
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    torch.nn.functional.cross_entropy(model(**tokenizer("the soup", return_tensors="pt")).logits, torch.tensor([1])).backward()


def test_a_missing_folder_is_one_sentence(other: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing has no config\.json; give the folder of a classifier"):
        transplant(tmp_path / "nothing", other)
