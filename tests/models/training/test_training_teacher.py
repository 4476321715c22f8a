"""The teacher learns what a linear model can, labels mixtures itself, and leaves other languages alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.data.pack import PackedCorpus
from models.errors import ConfigError
from models.training.finetuning import Labelled
from models.training.teacher import Teacher, TeacherConfig

OWN = ("umsab",)


@pytest.fixture(scope="module")
def teacher(packed: PackedCorpus, tokenizer: Any) -> Teacher:
    return Teacher(packed, tokenizer, TeacherConfig(datasets=OWN, weight=0.25, mixed=0.5, mixtures=80, strength=100.0))


def own_rows(packed: PackedCorpus) -> np.ndarray:
    return packed.select(split="train", datasets=OWN, labelled=True)


def test_it_learns_its_rows(teacher: Teacher, packed: PackedCorpus) -> None:
    rows = own_rows(packed)
    opinions = teacher([packed.input_ids(row) for row in rows])
    assert opinions.shape == (len(rows), 3)
    assert opinions.sum(1) == pytest.approx(1, abs=1e-5)
    assert (opinions.argmax(1) == packed.rows["label"][rows]).mean() > 0.85  # n-grams of fewer than three texts are unknown to it


def test_targets_are_part_label_part_opinion(teacher: Teacher, packed: PackedCorpus) -> None:
    rows = own_rows(packed)
    sequences, targets = teacher.targets(rows, np.random.default_rng(0))
    kept = [place for place, row in enumerate(rows) if np.array_equal(sequences[place], packed.input_ids(row))]
    assert 0 < len(kept) < len(rows)
    for place in kept:
        expected = 0.75 * np.eye(3)[packed.rows["label"][rows[place]]] + 0.25 * teacher([sequences[place]])[0]
        alone = teacher([sequences[place]])[0]
        assert targets[place] == pytest.approx(expected, abs=1e-5) or targets[place] == pytest.approx(alone, abs=1e-5)


def test_mixtures_are_beginnings_and_ends_cut_at_words(teacher: Teacher, packed: PackedCorpus) -> None:
    rows = own_rows(packed)
    for language, (texts, opinions) in teacher.mixtures.items():
        own = [packed.input_ids(row).tolist() for row in rows if packed.rows["language"][row] == language]
        assert len(texts) == len(opinions) > 0
        assert opinions == pytest.approx(teacher(texts), abs=1e-6)
        for text in (text.tolist() for text in texts):
            assert text in own or any(
                text[:cut] in [other[:cut] for other in own] and text[cut:] in [other[len(other) - len(text) + cut :] for other in own]
                for cut in range(1, len(text)) if teacher.begins[text[cut]]
            )


def test_rows_of_other_languages_keep_their_label(packed: PackedCorpus, tokenizer: Any) -> None:
    alone = Teacher(packed, tokenizer, TeacherConfig(datasets=OWN, weight=1.0))
    alone.languages = {next(iter(alone.languages))}
    rows = packed.select(split="train", labelled=True)
    other = ~np.isin(packed.rows["language"][rows], list(alone.languages))
    _, targets = alone.targets(rows, np.random.default_rng(0))
    assert np.array_equal(targets[other], np.eye(3)[packed.rows["label"][rows[other]]])
    assert not np.array_equal(targets[~other], np.eye(3)[packed.rows["label"][rows[~other]]])


def test_same_seed_same_batch(teacher: Teacher, packed: PackedCorpus, tokenizer: Any) -> None:
    data = Labelled(packed, own_rows(packed), tokenizer, None, 48, teacher)
    first, second = (data.batch(np.arange(12), 3, 5, "cpu") for _ in range(2))
    assert first.input_ids.tolist() == second.input_ids.tolist()
    assert first.labels.tolist() == second.labels.tolist()
    assert first.labels.shape == (12, 3)


@pytest.mark.parametrize("wrong", [{"weight": 1.5}, {"mixed": -0.1}, {"strength": 0.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"teacher {next(iter(wrong))} is"):
        TeacherConfig(datasets=OWN, **wrong)
