"""The experts of the wide half answer as their teacher does, and know which language is theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EuroBertConfig, EuroBertForSequenceClassification

from models.data.pack import PackedCorpus
from models.errors import ConfigError
from models.training.adversarial import LabelledBatch
from models.training.finetuning import Labelled
from models.training.teacher import Teacher, TeacherConfig
from models.training.wide import WideConfig, _others, add_wide_half, fit_experts

CONFIG = TeacherConfig(datasets=("umsab",), strength=100.0, buckets=8192)


@pytest.fixture
def tiny_euro_bert() -> Callable[[int], Any]:
    """Makes a classifier of one layer from a vocabulary size."""

    def make(vocab_size: int) -> Any:
        return EuroBertForSequenceClassification(EuroBertConfig(
            vocab_size=vocab_size, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=3,
            max_position_embeddings=48, classifier_pooling="mean", pad_token_id=0))

    return make


def rows_of(packed: PackedCorpus, rows: np.ndarray, tokenizer: Any) -> LabelledBatch:
    return Labelled(packed, rows, tokenizer, None, 48).batch(np.arange(len(rows)), 0, 0, "cpu")


def own_rows(packed: PackedCorpus) -> np.ndarray:
    return packed.select(split="train", datasets=("umsab",), labelled=True)


@pytest.mark.parametrize("others", [0, 4])
def test_experts_answer_as_the_teacher_does(packed: PackedCorpus, tokenizer: Any, tiny_euro_bert: Callable[[int], Any], others: int) -> None:
    """The wide half of a model that only hears one expert says what the teacher says of a text in that language."""
    teacher = Teacher(packed, tokenizer, CONFIG)
    teacher.languages, left = teacher.languages[:-1], teacher.languages[-1]
    del teacher.matrices[left]
    evidence, constants = fit_experts(teacher, others)
    assert constants.shape == (len(teacher.languages) + (others > 0), 4)
    for place, language in enumerate(teacher.languages):
        rows = own_rows(packed)[packed.rows["language"][own_rows(packed)] == language]
        certain = constants.copy()
        certain[place, -1] += 1000.0
        model = add_wide_half(tiny_euro_bert(len(tokenizer)), tokenizer, evidence, certain, 1.0)
        batch = rows_of(packed, rows, tokenizer)
        said = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.exp().detach().numpy()
        assert said == pytest.approx(teacher([packed.input_ids(row) for row in rows], language), abs=1e-4)


def test_experts_know_their_language(packed: PackedCorpus, tokenizer: Any, tiny_euro_bert: Callable[[int], Any]) -> None:
    teacher = Teacher(packed, tokenizer, CONFIG)
    evidence, constants = fit_experts(teacher)
    model = add_wide_half(tiny_euro_bert(len(tokenizer)), tokenizer, evidence, constants, 1.0)
    rows = own_rows(packed)
    batch = rows_of(packed, rows, tokenizer)
    found = model.get_input_embeddings()(batch.input_ids)[..., model.config.hidden_size :] * batch.attention_mask[..., None]
    said = (found.sum(1) / batch.attention_mask.sum(1, keepdim=True).sqrt()).view(len(rows), *constants.shape) + torch.from_numpy(constants)
    right = np.array(teacher.languages)[said[..., -1].argmax(1).numpy()] == packed.rows["language"][rows]
    assert right.mean() > 0.95


def test_expert_of_the_others_hears_at_most_so_many_rows_of_each(packed: PackedCorpus, tokenizer: Any) -> None:
    teacher = Teacher(packed, tokenizer, CONFIG)
    teacher.languages = teacher.languages[:1]
    rows = _others(teacher, 3)
    fields = packed.rows[rows]
    assert not np.isin(fields["language"], teacher.languages).any()
    _, counts = np.unique(np.stack([fields["dataset"], fields["language"]]), axis=1, return_counts=True)
    assert counts.max() == 3
    assert len(counts) > 2


def test_wide_half_without_a_teacher_is_refused() -> None:
    with pytest.raises(ConfigError, match="The wide half needs a teacher; name its datasets, or set wide share to 0"):
        WideConfig(share=0.5)
    with pytest.raises(ConfigError, match=r"wide share is 1\.5, expected a share between 0 and 1"):
        WideConfig(share=1.5)
