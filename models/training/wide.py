"""The wide half of a model: the linear models of a teacher, one expert a language and one for all others (Jacobs et al. 1991)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from models.architecture import WideDeepConfig, WideDeepForSequenceClassification, piece_characters
from models.errors import ConfigError
from models.training.teacher import Teacher, TeacherConfig, fit_linear

LANGUAGE_ROWS = 3_000  # most rows of a language, and a tenth of it of every other, from which languages are told apart
SURER = 10  # times the teacher's strength: languages are told apart more easily than classes


@dataclass(frozen=True)
class WideConfig:
    """The wide half that stands beside the finished encoder: the linear models of a teacher, one a language."""

    share: float = 0.0  # weight (0-1) of its log-probabilities, beside those of the encoder; 0 = no wide half
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    other_rows: int = 0  # most rows of each data set and language without an expert of its own, for one that all of them share
    development: bool = False  # once it has been measured on the development rows, it is fitted anew with them among its rows

    def __post_init__(self) -> None:
        """Raises ConfigError for a share out of range, and one of a teacher without rows."""
        if not 0 <= self.share <= 1:
            raise ConfigError(f"wide share is {self.share}, expected a share between 0 and 1.")
        if self.share and not self.teacher.datasets:
            raise ConfigError("The wide half needs a teacher; name its datasets, or set wide share to 0.")


def fit_experts(teacher: Teacher, other_rows: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What the experts say: the log-odds of the classes and, at last, of the expert's language.

    Args:
        teacher: Its matrices are the experts of its languages.
        other_rows: Most rows of each data set and other language from which one more expert learns; 0 = none.

    Returns:
        Evidence of each n-gram and then each piece (features, experts × (classes + 1)), and the constants (experts, classes + 1), float32.
    """
    matrices = [teacher.matrices[language] for language in teacher.languages]
    others = _others(teacher, other_rows)
    if len(others):
        features = teacher.features([teacher.corpus.input_ids(row) for row in others])
        matrices.append(fit_linear(features, teacher.corpus.rows["label"][others], teacher.config.strength))
    spoken = _fit_spoken(teacher, len(matrices))
    said = np.stack([np.concatenate([matrix, spoken[:, [place]]], axis=1) for place, matrix in enumerate(matrices)], axis=1)
    return (teacher.importance[:, None] * said[:-1].reshape(len(said) - 1, -1)).astype(np.float32), said[-1].astype(np.float32)


def _fit_spoken(teacher: Teacher, experts: int) -> np.ndarray:
    """Weights of the log-odds that a text is of each expert's language (features + 1, experts)."""
    if experts == 1:
        return np.zeros((len(teacher.importance) + 1, 1), dtype=np.float32)
    generator = np.random.default_rng(teacher.config.seed)
    every = teacher.select(None)
    language, own_language = teacher.corpus.rows["language"][every], teacher.corpus.rows["language"][teacher.rows]
    drawn, expert = [], []
    for number in np.unique(language):
        place = teacher.languages.index(number) if number in teacher.languages else len(teacher.languages)
        if place < experts:  # the teacher's own rows all, and others of the language beside them
            most = LANGUAGE_ROWS if place < len(teacher.languages) else LANGUAGE_ROWS // 10
            found = np.concatenate([teacher.rows[own_language == number], generator.permutation(every[language == number])[:most]])
            drawn.append(found)
            expert.append(np.full(len(found), place))
    features = teacher.features([teacher.corpus.input_ids(row) for row in np.concatenate(drawn)])
    weights = fit_linear(features, np.concatenate(expert), SURER * teacher.config.strength)
    return weights if experts > 2 else np.concatenate([0 * weights, weights], axis=1)  # of two classes scikit-learn gives the second


def _others(teacher: Teacher, most: int) -> np.ndarray:
    """Labelled rows in languages without an expert, at most so many of each data set and language."""
    rows = np.random.default_rng(teacher.config.seed).permutation(teacher.select(None))
    fields = teacher.corpus.rows[rows]
    other = ~np.isin(fields["language"], teacher.languages)
    pairs = np.stack([fields["dataset"], fields["language"]])[:, other]
    kept = [rows[other][(pairs == pair[:, None]).all(0)][:most] for pair in np.unique(pairs, axis=1).T]
    return np.concatenate([rows[:0], *kept])


def add_wide_half(model: Any, tokenizer: Any, evidence: np.ndarray, constants: np.ndarray, share: float) -> WideDeepForSequenceClassification:
    """The EuroBERT classifier with a wide half beside it.

    Args:
        model: The classifier, which stays as it is.
        tokenizer: Its tokenizer.
        evidence: What each hashed n-gram and then each piece says (buckets + pieces, experts × (classes + 1)).
        constants: What each expert says of every text (experts, classes + 1).
        share: Weight (0-1) of the wide half.
    """
    characters = torch.from_numpy(piece_characters(tokenizer))
    buckets = len(evidence) - len(characters)
    settings = {**model.config.to_dict(), "model_type": WideDeepConfig.model_type, "wide_share": share, "wide_buckets": buckets,
                "wide_experts": len(constants), "longest_piece": characters.shape[1]}
    both = WideDeepForSequenceClassification(WideDeepConfig.from_dict(settings))
    both.load_state_dict(model.state_dict(), strict=False)
    embedding = both.get_input_embeddings()
    with torch.no_grad():
        embedding.characters.copy_(characters)
        embedding.grams.weight.copy_(torch.from_numpy(evidence[:buckets]))
        embedding.pieces.weight.copy_(torch.from_numpy(evidence[buckets:]))
        both.wide_bias.copy_(torch.from_numpy(constants))
    both.to(model.device).eval()
    return both
