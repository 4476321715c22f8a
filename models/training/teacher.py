"""A linear teacher on character n-grams, for the few texts of the domain that counts.

From a thousand texts a language a linear model on n-grams learns more than a small encoder does. The encoder learns from
it: the teacher labels the texts and mixtures of two of them, which cost nothing to make (Hinton et al. 2015; Tang et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.data.pack import PackedCorpus
from models.errors import ConfigError

NGRAMS = (2, 5)  # characters, inside words
MINIMUM_TEXTS = 3  # an n-gram in fewer texts is left out


@dataclass(frozen=True)
class TeacherConfig:
    """Which rows the teacher learns from, and how far it is followed."""

    datasets: tuple[str, ...] = ()  # labelled training rows it is fitted on; none = no teacher
    weight: float = 0.5  # share of its opinion in the target of a row in its languages, beside the label
    mixed: float = 0.0  # share of the rows of its data sets that are replaced by a mixture of two, labelled by it alone
    mixtures: int = 50_000  # different mixtures made for that
    seed: int = 1  # of the mixtures
    strength: float = 1.0  # inverse of the L2 penalty

    def __post_init__(self) -> None:
        """Raises ConfigError for shares out of range."""
        for name in ("weight", "mixed"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"teacher {name} is {getattr(self, name)}, expected a share between 0 and 1.")
        if self.strength <= 0:
            raise ConfigError(f"teacher strength is {self.strength}, expected more than 0.")


class Teacher:
    """Logistic regression on TF-IDF of character n-grams, over all languages of its rows together."""

    def __init__(self, corpus: PackedCorpus, tokenizer: Any, config: TeacherConfig) -> None:
        """Fits it on the training rows; development and validation rows are never seen.

        Raises:
            ConfigError: There is no row, or not every class occurs.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        self.corpus, self.tokenizer, self.config = corpus, tokenizer, config
        self.classes = len(corpus.manifest["labels"])
        rows = corpus.select(split="train", datasets=config.datasets, labelled=True)
        labels = corpus.rows["label"][rows]
        if len(np.unique(labels)) < self.classes:
            raise ConfigError(f"The teacher needs rows of all {self.classes} classes, {config.datasets} have {len(np.unique(labels))}.")
        self.languages = set(corpus.rows["language"][rows].tolist())
        self.member = np.zeros(len(corpus), dtype=bool)
        self.member[rows] = True
        vocabulary = tokenizer.get_vocab()
        self.begins = np.zeros(max(vocabulary.values()) + 1, dtype=bool)
        self.begins[[number for piece, number in vocabulary.items() if piece.startswith("▁")]] = True
        self.vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=NGRAMS, min_df=MINIMUM_TEXTS, sublinear_tf=True, dtype=np.float32)
        features = self.vectorizer.fit_transform(self._texts([corpus.input_ids(row) for row in rows]))
        self.model = LogisticRegression(C=config.strength, max_iter=100).fit(features, labels)
        self.opinions: dict[int, np.ndarray] = {}  # of the rows asked for so far
        self.mixtures = {language: self._mixtures(rows[corpus.rows["language"][rows] == language], len(rows)) for language in sorted(self.languages)}

    def __call__(self, sequences: list[np.ndarray]) -> np.ndarray:
        """Probability (0-1) of each class for each sequence of token ids (sequences, classes), float32."""
        probabilities = self.model.predict_proba(self.vectorizer.transform(self._texts(sequences)))
        return np.asarray(probabilities, dtype=np.float32)

    def targets(self, rows: np.ndarray, generator: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
        """Token ids of the rows, some replaced by mixtures, and what to learn from each (rows, classes), float32."""
        labels = self.corpus.rows["label"][rows]
        sequences = [self.corpus.input_ids(row) for row in rows]
        targets = np.eye(self.classes, dtype=np.float32)[labels]
        known = np.array([language in self.languages for language in self.corpus.rows["language"][rows].tolist()])
        mixed = self.member[rows] & (generator.random(len(rows)) < self.config.mixed)
        for place in np.flatnonzero(mixed):
            texts, opinions = self.mixtures[int(self.corpus.rows["language"][rows[place]])]
            drawn = int(generator.integers(len(texts)))
            sequences[place], targets[place] = texts[drawn], opinions[drawn]
        taught = np.flatnonzero(known & ~mixed)
        new = [place for place in taught if int(rows[place]) not in self.opinions]
        if new:
            self.opinions.update(zip(rows[new].tolist(), self([sequences[place] for place in new]), strict=True))
        for place in taught:
            targets[place] = (1 - self.config.weight) * targets[place] + self.config.weight * self.opinions[int(rows[place])]
        return sequences, targets

    def _mixtures(self, rows: np.ndarray, total: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Mixtures of the rows of one language, as many as are its part of all, and the teacher's opinion of each."""
        if not self.config.mixed:
            return [], np.zeros((0, self.classes), dtype=np.float32)
        generator = np.random.default_rng([self.config.seed, int(rows[0])])
        pairs = rows[generator.integers(len(rows), size=(max(1, self.config.mixtures * len(rows) // total), 2))]
        texts = [self._mix(self.corpus.input_ids(first), self.corpus.input_ids(second), generator) for first, second in pairs]
        return texts, self(texts)

    def _mix(self, first: np.ndarray, second: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The beginning of one text and the end of another, cut where words begin."""
        head = np.flatnonzero(self.begins[first])
        tail = np.flatnonzero(self.begins[second])
        if len(head) < 2 or len(tail) < 2:
            return first
        return np.concatenate([first[: generator.choice(head[1:])], second[generator.choice(tail[:-1]) :]])

    def _texts(self, sequences: list[np.ndarray]) -> list[str]:
        return list(self.tokenizer.batch_decode([sequence.tolist() for sequence in sequences]))
