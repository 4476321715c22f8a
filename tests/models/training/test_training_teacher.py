"""The teacher learns what a linear model can, labels mixtures itself, and leaves other languages alone; its lessons are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.architecture import find_grams, piece_characters
from models.data.pack import PackedCorpus
from models.errors import ConfigError
from models.training import teacher as teacher_module
from models.training.finetuning import Labelled
from models.training.teacher import Lessons, Teacher, TeacherConfig, teach

OWN = ("umsab",)
CONFIG = TeacherConfig(datasets=OWN, weight=0.25, mixed=0.5, mixtures=400, strength=100.0, buckets=8192)


@pytest.fixture(scope="module")
def teacher(packed: PackedCorpus, tokenizer: Any) -> Teacher:
    return Teacher(packed, tokenizer, CONFIG)


@pytest.fixture(scope="module")
def lessons(teacher: Teacher) -> Lessons:
    return teacher.lessons()


def mixture(lessons: Lessons, number: int) -> list[int]:
    return [int(token) for token in lessons.ids[lessons.ends[number] : lessons.ends[number + 1]]]


def own_rows(packed: PackedCorpus) -> np.ndarray:
    return packed.select(split="train", datasets=OWN, labelled=True)


def by_language(packed: PackedCorpus, rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
    languages = packed.rows["language"][rows]
    return [(int(language), rows[languages == language]) for language in np.unique(languages)]


def test_it_learns_its_rows(teacher: Teacher, packed: PackedCorpus) -> None:
    right = []
    for language, rows in by_language(packed, own_rows(packed)):
        opinions = teacher([packed.input_ids(row) for row in rows], language)
        assert opinions.shape == (len(rows), 3)
        assert opinions.sum(1) == pytest.approx(1, abs=1e-5)
        right.append(opinions.argmax(1) == packed.rows["label"][rows])
    assert np.concatenate(right).mean() > 0.95


def test_a_row_is_judged_by_a_model_that_has_not_seen_it(packed: PackedCorpus, tokenizer: Any) -> None:
    """Where labels are drawn by lot, a judgement of rows that were learnt would be right and this one is not."""
    drawn = PackedCorpus(packed.folder)
    rows = drawn.select(split="train", labelled=True)
    drawn.rows = drawn.rows.copy()
    drawn.rows["label"][rows] = np.random.default_rng(0).integers(3, size=len(rows))
    lots = Teacher(drawn, tokenizer, TeacherConfig(datasets=("umsab", "talks"), strength=100.0))
    labels = drawn.rows["label"][rows]
    unseen = lots.opinions[rows].argmax(1)
    seen = np.concatenate([lots([drawn.input_ids(row) for row in found], language).argmax(1) == drawn.rows["label"][found]
                           for language, found in by_language(drawn, rows)])
    assert (unseen == labels).mean() < 0.6 < 0.85 < seen.mean()


def features_by_hand(teacher: Teacher, packed: PackedCorpus, rows: np.ndarray) -> Any:
    """TF-IDF of the hashed n-grams and the pieces, over the square root of the number of tokens, a text at a time."""
    from scipy.sparse import csr_matrix

    values = np.zeros((len(rows), len(teacher.importance)))
    for number, row in enumerate(rows):
        ids = [teacher.tokenizer.cls_token_id, *packed.input_ids(row).tolist(), teacher.tokenizer.sep_token_id]
        _, buckets = find_grams(torch.tensor([ids]), torch.from_numpy(piece_characters(teacher.tokenizer)), teacher.config.buckets - 1)
        np.add.at(values[number], buckets.numpy(), 1)
        np.add.at(values[number], teacher.config.buckets + np.array(ids), 1)
        values[number] *= teacher.importance / np.sqrt(len(ids))
    return csr_matrix(values)


def test_folded_matrix_is_the_model_on_n_grams_and_scores(packed: PackedCorpus, tokenizer: Any) -> None:
    """Sources and the other languages, standardised and scaled, against scikit-learn fitted on the same features."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    languages = packed.manifest["languages"]
    stacked = Teacher(packed, tokenizer, replace(CONFIG, strength=1.0, sources={"en": ("talks/en", "talks/de"), "de": ("talks/de",)}, source_scale=0.3))

    def fitted(features: Any, labels: np.ndarray) -> Any:
        return LogisticRegression(C=1.0, tol=1e-3, max_iter=200).fit(features, labels)

    for name, heard in (("en", ("talks/en", "talks/de")), ("de", ("talks/de",)), ("th", ())):
        own = own_rows(packed)
        spoken = packed.rows["language"][own] == languages.index(name)
        models = []
        for source in heard:
            dataset, language = source.split("/")
            of = packed.select(split="train", datasets=(dataset,), labelled=True)
            of = of[packed.rows["language"][of] == languages.index(language)]
            models.append(fitted(features_by_hand(stacked, packed, of), packed.rows["label"][of]))
        models.append(fitted(features_by_hand(stacked, packed, own[~spoken]), packed.rows["label"][own[~spoken]]))
        features = features_by_hand(stacked, packed, own[spoken])
        heaped = np.concatenate([model.decision_function(features).reshape(spoken.sum(), -1) for model in models], axis=1)
        both = hstack([features, csr_matrix(0.3 * (heaped - heaped.mean(0)) / heaped.std(0))]).tocsr()
        expected = fitted(both, packed.rows["label"][own[spoken]]).predict_proba(both)
        assert stacked([packed.input_ids(row) for row in own[spoken]], languages.index(name)) == pytest.approx(expected, abs=2e-3)


def test_rare_n_grams_say_nothing_and_frequent_ones_less(teacher: Teacher, packed: PackedCorpus) -> None:
    """Inverse document frequency as scikit-learn smooths it, up to the one factor that makes texts one long on average."""
    from sklearn.feature_extraction.text import TfidfTransformer

    rows = own_rows(packed)
    counts = teacher._counts([packed.input_ids(row) for row in rows])
    texts = np.bincount(counts.indices, minlength=counts.shape[1])
    known = texts >= 2
    expected = TfidfTransformer().fit(counts > 0).idf_
    assert not teacher.importance[~known].any()
    factor = teacher.importance[known] / expected[known]
    assert factor == pytest.approx(factor.mean(), rel=1e-4)
    weighted = teacher._weighted(counts)
    assert np.sqrt(weighted.multiply(weighted).sum(1)).mean() == pytest.approx(1, abs=1e-3)


def test_source_without_rows_is_refused(packed: PackedCorpus, tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="teacher source 'talks/xx' has no training rows of two classes; write it as dataset/language"):
        Teacher(packed, tokenizer, TeacherConfig(datasets=OWN, sources={"en": ("talks/xx",)}))


def test_language_without_a_class_is_refused(packed: PackedCorpus, tokenizer: Any) -> None:
    poor = PackedCorpus(packed.folder)
    poor.rows = poor.rows.copy()
    poor.rows["label"][poor.rows["language"] == poor.manifest["languages"].index("th")] = 0
    with pytest.raises(ConfigError, match="all 3 classes in every language; th has"):
        Teacher(poor, tokenizer, TeacherConfig(datasets=OWN))


def test_targets_are_part_label_part_opinion(lessons: Lessons, packed: PackedCorpus) -> None:
    rows = packed.select(split="train", labelled=True)
    own = packed.rows["dataset"][rows] == packed.manifest["datasets"].index("umsab")
    sequences, targets = lessons.targets(packed, rows, CONFIG, np.random.default_rng(0))
    expected = 0.75 * np.eye(3)[packed.rows["label"][rows]] + 0.25 * lessons.opinions[rows]
    replaced = np.abs(targets - expected).max(1) > 1e-6
    assert 0.25 < replaced[own].mean() < 0.75
    assert not replaced[~own].any()
    for place in np.flatnonzero(~replaced):
        assert np.array_equal(sequences[place], packed.input_ids(rows[place]))
    for place in np.flatnonzero(replaced):
        known = [number for number in range(len(lessons.judged)) if mixture(lessons, number) == sequences[place].tolist()]
        assert any(targets[place] == pytest.approx(lessons.judged[number]) for number in known)
        assert {int(lessons.languages[number]) for number in known} == {int(packed.rows["language"][rows[place]])}


def test_a_mixture_is_about_as_long_as_the_row_it_stands_for(lessons: Lessons, packed: PackedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text among short ones would fill the batch with padding."""
    monkeypatch.setattr(teacher_module, "ALIKE", 3)
    rows = np.repeat(own_rows(packed), 20)
    sequences, _ = lessons.targets(packed, rows, replace(CONFIG, mixed=1.0), np.random.default_rng(0))
    for row, sequence in zip(rows, sequences, strict=True):
        kept = np.diff(lessons.ends)[lessons.languages == packed.rows["language"][row]]
        length = len(packed.input_ids(row))
        assert len(sequence) <= max(length, kept.min())
        assert len(sequence) >= min(length, kept.max()) - 3


def test_mixtures_are_beginnings_and_ends_cut_at_words(lessons: Lessons, teacher: Teacher, packed: PackedCorpus) -> None:
    assert len(lessons.judged) == len(lessons.languages) == len(lessons.ends) - 1 > 300
    for language, rows in by_language(packed, own_rows(packed)):
        own = [packed.input_ids(row).tolist() for row in rows]
        numbers = np.flatnonzero(lessons.languages == language)
        texts = [mixture(lessons, number) for number in numbers]
        assert lessons.judged[numbers] == pytest.approx(teacher([np.array(text) for text in texts], language), abs=1e-6)
        assert [len(text) for text in texts] == sorted(len(text) for text in texts)
        for text in texts:
            assert text in own or any(
                text[:cut] in [other[:cut] for other in own] and text[cut:] in [other[len(other) - len(text) + cut :] for other in own]
                for cut in range(1, len(text)) if teacher.begins[text[cut]]
            )


def test_foreign_mixtures_have_a_part_of_another_corpus_of_the_language(packed: PackedCorpus, tokenizer: Any) -> None:
    mixed = Teacher(packed, tokenizer, replace(CONFIG, foreign=1.0)).lessons()
    every = packed.select(split="train")
    for language, own in by_language(packed, own_rows(packed)):
        spoken = every[packed.rows["language"][every] == language]
        parts = {kind: [packed.input_ids(row).tolist() for row in rows] for kind, rows in (("own", own), ("other", np.setdiff1d(spoken, own)))}
        for number in np.flatnonzero(lessons_of := mixed.languages == language):
            text = mixture(mixed, int(number))
            assert any(text[:cut] in [head[:cut] for head in parts[first]] and text[cut:] in [tail[len(tail) - len(text) + cut :] for tail in parts[second]]
                       for cut in range(1, len(text) + 1) for first, second in (("own", "other"), ("other", "own")))
        assert lessons_of.any()


def test_rows_of_other_languages_keep_their_label(packed: PackedCorpus, tokenizer: Any) -> None:
    alone = Teacher(packed, tokenizer, TeacherConfig(datasets=OWN, weight=1.0))
    one = next(iter(alone.languages))
    alone.languages = [one]
    alone.opinions[packed.rows["language"] != one] = np.nan
    rows = packed.select(split="train", labelled=True)
    other = packed.rows["language"][rows] != one
    _, targets = alone.lessons().targets(packed, rows, alone.config, np.random.default_rng(0))
    assert np.array_equal(targets[other], np.eye(3)[packed.rows["label"][rows[other]]])
    assert not (targets[~other] == np.eye(3)[packed.rows["label"][rows[~other]]]).all(1).any()


def test_there_may_be_no_row_but_its_own(packed: PackedCorpus, tokenizer: Any) -> None:
    every = Teacher(packed, tokenizer, TeacherConfig(datasets=("umsab", "talks"), mixed=0.5, foreign=0.5, mixtures=80)).lessons()
    assert not np.isnan(every.opinions[packed.select(split="train", labelled=True)]).any()
    assert len(every.judged) > 60


def test_lessons_are_kept_and_made_anew_for_other_settings(
    packed: PackedCorpus, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "phase" / "lessons.npz"
    first = teach(packed, tokenizer, CONFIG, path)
    other = teach(packed, tokenizer, replace(CONFIG, mixtures=80), path)
    assert len(other.judged) < len(first.judged)
    monkeypatch.setattr(teacher_module, "Teacher", None)  # from here on nothing may be fitted
    again = teach(packed, tokenizer, replace(CONFIG, mixtures=80), path)
    for name, value in vars(other).items():
        assert np.array_equal(getattr(again, name), value, equal_nan=name == "opinions")


def test_lexicon_is_what_a_piece_alone_says(teacher: Teacher, lessons: Lessons, tokenizer: Any) -> None:
    """The piece and the n-grams inside it, by the weights of each language; nothing of what stands beside it."""
    assert lessons.lexicon.shape == (len(tokenizer), len(teacher.languages) * 3)
    characters = torch.from_numpy(piece_characters(tokenizer))
    for piece in range(0, len(tokenizer), 7):
        _, buckets = find_grams(torch.tensor([[piece]]), characters, teacher.config.buckets - 1)
        features = [*buckets.tolist(), teacher.config.buckets + piece]
        for column, language in enumerate(teacher.languages):
            expected = sum(teacher.importance[feature] * teacher.matrices[language][feature] for feature in features)
            assert lessons.lexicon[piece, 3 * column : 3 * column + 3] == pytest.approx(expected, abs=1e-5)


def test_lexicon_knows_good_from_bad(lessons: Lessons, teacher: Teacher, packed: PackedCorpus) -> None:
    """A piece that stands in texts of one class alone, in as many as the teacher asks for, speaks for that class in its language."""
    right = []
    for column, language in enumerate(teacher.languages):
        rows = own_rows(packed)[packed.rows["language"][own_rows(packed)] == language]
        found = [{int(piece) for row in rows[packed.rows["label"][rows] == label] for piece in packed.input_ids(row)} for label in range(3)]
        for label in range(3):
            alone = found[label] - found[(label + 1) % 3] - found[(label + 2) % 3]
            right += [lessons.lexicon[piece, 3 * column : 3 * column + 3].argmax() == label for piece in alone
                      if teacher.importance[teacher.config.buckets + piece]]
    assert len(right) > 40
    assert np.mean(right) > 0.75  # a letter that is in no other text may still weigh little


def test_how_it_is_listened_to_changes_nothing_it_says(packed: PackedCorpus, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = teach(packed, tokenizer, CONFIG, tmp_path / "lessons.npz")
    monkeypatch.setattr(teacher_module, "Teacher", None)
    again = teach(packed, tokenizer, replace(CONFIG, weight=0.9, lexicon=0.2), tmp_path / "lessons.npz")
    assert np.array_equal(first.judged, again.judged)


def test_same_seed_same_batch(lessons: Lessons, packed: PackedCorpus, tokenizer: Any) -> None:
    data = Labelled(packed, own_rows(packed), tokenizer, None, 48, lessons, CONFIG)
    first, second = (data.batch(np.arange(12), 3, 5, "cpu") for _ in range(2))
    assert first.input_ids.tolist() == second.input_ids.tolist()
    assert first.labels.tolist() == second.labels.tolist()
    assert first.labels.shape == (12, 3)


@pytest.mark.parametrize("wrong", [{"weight": 1.5}, {"mixed": -0.1}, {"foreign": 2.0}, {"strength": 0.0}, {"source_scale": 0.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"teacher {next(iter(wrong))} is"):
        TeacherConfig(datasets=OWN, **wrong)


@pytest.mark.parametrize("wrong", [0, 1, 3, 1000])
def test_buckets_are_a_power_of_two(wrong: int) -> None:
    with pytest.raises(ConfigError, match=f"teacher buckets is {wrong}, expected a power of two such as 131072"):
        TeacherConfig(datasets=OWN, buckets=wrong)
