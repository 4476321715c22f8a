"""A linear teacher on character and word n-grams, for the few texts of the domain that counts.

From a thousand texts a language a linear model on n-grams learns more than a small encoder does. The encoder learns from
it: the teacher labels the texts and mixtures of two of them, which cost nothing to make (Hinton et al. 2015; Tang et al. 2019).
Linear models of other corpora give it further features, their scores (stacking, Wolpert 1992); as those are linear in the
same n-grams, the whole teacher of a language is one matrix. What it says is written down once: training reads it and never meets the teacher.
Its scores also fall to pieces: what each piece of a word adds to them is the encoder's first lexicon.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from scipy.special import softmax

from models.data.pack import PackedCorpus
from models.disk import replacing
from models.errors import ConfigError

CHARACTERS = {"analyzer": "char_wb", "ngram_range": (2, 5)}
WORDS = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]+"}
MINIMUM_TEXTS = 2  # an n-gram in fewer texts is left out
FOLDS = 5  # each row is judged by a model that has not seen it; fewer where a class has fewer rows
LISTENING = ("weight", "lexicon", "encoder")  # settings that change nothing in what it says
UNHEARD = 3  # a piece's entry in the lexicon is its mean over so many places more, where it says nothing
ALIKE = 8  # a row is replaced by one of so many mixtures that are as long, or by one of a fiftieth of them: batches are cut by length


@dataclass(frozen=True)
class TeacherConfig:
    """Which rows the teacher learns from, and how far it is followed."""

    datasets: tuple[str, ...] = ()  # labelled training rows it is fitted on, a language at a time; none = no teacher
    sources: tuple[str, ...] = ()  # dataset/language of other rows, whose own linear models give it their scores
    source_rows: int = 30_000  # most rows read of a source
    source_scale: float = 0.15  # spread of a source's score; the smaller, the less it is listened to
    weight: float = 0.5  # share of its opinion in the target of a row in its languages, beside the label
    mixed: float = 0.0  # share of the rows of its data sets that are replaced by a mixture of two, labelled by it alone
    mixtures: int = 50_000  # different mixtures made for that
    foreign: float = 0.0  # share of the mixtures with a part from the other corpora of the language: words its own rows lack
    lexicon: float = 0.0  # root mean square of what it says of the pieces, written into the embeddings before the first step; 0 = nothing
    encoder: float = 0.0  # share, in every target, of the opinion of the encoder as the phase found it: both know different things
    seed: int = 1  # of the mixtures, the folds and the rows read of a source
    strength: float = 1.0  # inverse of the L2 penalty

    def __post_init__(self) -> None:
        """Raises ConfigError for shares out of range."""
        for name in ("weight", "mixed", "foreign", "encoder"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"teacher {name} is {getattr(self, name)}, expected a share between 0 and 1.")
        for name in ("strength", "source_scale"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"teacher {name} is {getattr(self, name)}, expected more than 0.")


@dataclass(frozen=True)
class Lessons:
    """What a teacher said.

    Attributes:
        opinions: Probability (0-1) of each class for each row of the corpus, NaN where it was not asked (rows, classes), float32.
        ids: Token ids of all mixtures, one after the other (tokens,), uint32.
        ends: Where each mixture begins, and the last ends (mixtures + 1,); those of a language from the shortest to the longest.
        judged: Probability (0-1) of each class for each mixture (mixtures, classes), float32.
        languages: Number of the language of each mixture, in order (mixtures,).
        lexicon: What a piece adds to the log-odds of each class, in each language of the teacher and at last in all of them,
            classes within languages (pieces, (languages + 1) × classes), float32.
    """

    opinions: np.ndarray
    ids: np.ndarray
    ends: np.ndarray
    judged: np.ndarray
    languages: np.ndarray
    lexicon: np.ndarray

    def targets(
        self, corpus: PackedCorpus, rows: np.ndarray, config: TeacherConfig, generator: np.random.Generator
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Token ids of the rows, some replaced by mixtures, and what to learn from each (rows, classes), float32."""
        fields = corpus.rows[rows]
        sequences = [corpus.input_ids(row) for row in rows]
        targets = np.eye(self.judged.shape[1], dtype=np.float32)[fields["label"]]
        opinions = self.opinions[rows]
        taught = ~np.isnan(opinions[:, 0])
        targets[taught] = (1 - config.weight) * targets[taught] + config.weight * opinions[taught]
        own = np.isin(fields["dataset"], [corpus.manifest["datasets"].index(name) for name in config.datasets])
        for place in np.flatnonzero(taught & own & (generator.random(len(rows)) < config.mixed)):
            first, last = np.searchsorted(self.languages, [fields["language"][place], fields["language"][place] + 1])
            longer = first + np.searchsorted(np.diff(self.ends[first : last + 1]), len(sequences[place]), side="right")
            drawn = int(generator.integers(max(first, longer - max(ALIKE, (last - first) // 50)), max(longer, first + 1)))
            sequences[place], targets[place] = self.ids[self.ends[drawn] : self.ends[drawn + 1]].astype(np.int64), self.judged[drawn]
        return sequences, targets


def teach(corpus: PackedCorpus, tokenizer: Any, config: TeacherConfig, path: Path) -> Lessons:
    """The lessons kept in a file, or new ones, kept there, where the file was made with other settings or is missing."""
    said = {name: value for name, value in asdict(config).items() if name not in LISTENING}
    settings = json.dumps([said, corpus.manifest["tokenizer_sha256"], len(corpus)], sort_keys=True)
    if path.is_file():
        with np.load(path) as kept:
            if str(kept["settings"]) == settings:
                return Lessons(**{name: kept[name] for name in kept.files if name != "settings"})
    lessons = Teacher(corpus, tokenizer, config).lessons()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, settings=settings, **vars(lessons))
    return lessons


class Teacher:
    """Logistic regression on TF-IDF of n-grams, one a language."""

    def __init__(self, corpus: PackedCorpus, tokenizer: Any, config: TeacherConfig) -> None:
        """Fits it on the training rows; development and validation rows are never seen.

        Raises:
            ConfigError: A language lacks rows of a class, or a source has no rows.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.corpus, self.tokenizer, self.config = corpus, tokenizer, config
        self.classes = len(corpus.manifest["labels"])
        rows = corpus.select(split="train", datasets=config.datasets, labelled=True)
        self.languages = set(corpus.rows["language"][rows].tolist())
        self.rows = rows
        vocabulary = tokenizer.get_vocab()
        self.begins = np.zeros(max(vocabulary.values()) + 1, dtype=bool)
        self.begins[[number for piece, number in vocabulary.items() if piece.startswith("▁")]] = True
        sources = {name: self._source_rows(name) for name in config.sources}
        self.vectorizers = [TfidfVectorizer(**kind, min_df=MINIMUM_TEXTS, sublinear_tf=True, dtype=np.float32) for kind in (CHARACTERS, WORDS)]
        texts = self._texts([corpus.input_ids(row) for row in np.concatenate([rows, *sources.values()])])
        features = hstack([vectorizer.fit_transform(texts) for vectorizer in self.vectorizers]).tocsr()
        places = np.split(np.arange(len(texts)), np.cumsum([len(rows), *(len(found) for found in sources.values())])[:-1])
        scorers = {name: _fit(features[place], corpus.rows["label"][found], config.strength)
                   for (name, found), place in zip(sources.items(), places[1:], strict=True)}
        self.matrices: dict[int, np.ndarray] = {}  # language -> weights of every n-gram and, last, the constant (n-grams + 1, classes)
        self.opinions = np.full((len(corpus), self.classes), np.nan, dtype=np.float32)  # of its own rows, each from the other folds
        self._fit_languages(rows, features[: len(rows)], scorers)

    def __call__(self, sequences: list[np.ndarray], language: int) -> np.ndarray:
        """Probability (0-1) of each class for each sequence of token ids of a language (sequences, classes), float32."""
        if not len(sequences):  # scikit-learn refuses to transform nothing
            return np.zeros((0, self.classes), dtype=np.float32)
        texts, matrix = self._texts(sequences), self.matrices[language]
        features = hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers]).tocsr()
        return np.asarray(softmax(features @ matrix[:-1] + matrix[-1], axis=1), dtype=np.float32)

    def lessons(self) -> Lessons:
        """Its opinion of every labelled training row in its languages, and mixtures with its opinion of them."""
        opinions = self.opinions.copy()
        labelled, every = self.corpus.select(split="train", labelled=True), self.corpus.select(split="train")
        mixtures, judged, languages, shares = [], [], [], []
        for language in sorted(self.languages):
            spoken = labelled[self.corpus.rows["language"][labelled] == language]
            open_ = spoken[np.isnan(opinions[spoken, 0])]
            opinions[open_] = self([self.corpus.input_ids(row) for row in open_], language)
            own = self.rows[self.corpus.rows["language"][self.rows] == language]
            others = np.setdiff1d(every[self.corpus.rows["language"][every] == language], own)
            found = sorted(self._mixtures(own, others), key=len)
            mixtures += found
            judged.append(self(found, language))
            languages.append(np.full(len(found), language))
            shares.append(self._shares(found, language))
        ends = np.cumsum([0, *(len(mixture) for mixture in mixtures)])
        ids = np.concatenate(mixtures) if mixtures else np.zeros(0, dtype=np.int64)
        return Lessons(opinions, ids.astype(np.uint32), ends, np.concatenate(judged), np.concatenate(languages), _lexicon(shares))

    def _shares(self, sequences: list[np.ndarray], language: int) -> tuple[np.ndarray, np.ndarray]:
        """Sum over its places of what each piece adds to the scores, an equal part of its word, and the number of places.

        The scores are those of a text as long as its n-grams weigh; shape (pieces, classes) and (pieces,).
        """
        import pandas as pd
        from sklearn.feature_extraction.text import CountVectorizer

        ids = np.concatenate(sequences) if sequences else np.zeros(0, dtype=np.int64)
        starts = self.begins[ids]
        starts[np.cumsum([0, *(len(sequence) for sequence in sequences)])[:-1]] = True
        if not len(ids):
            return np.zeros((len(self.begins), self.classes)), np.zeros(len(self.begins))
        word = np.cumsum(starts) - 1
        which, words = pd.factorize(np.array(self._texts(np.split(ids, np.flatnonzero(starts)[1:])), dtype=object))
        counts = hstack([CountVectorizer.transform(vectorizer, words) for vectorizer in self.vectorizers]).tocsr()
        weight = np.concatenate([vectorizer.idf_ for vectorizer in self.vectorizers])
        scores = counts @ (self.matrices[language][:-1] * weight[:, None])
        parts = (scores - scores.mean(1, keepdims=True))[which] / np.bincount(word)[:, None]
        sums = [np.bincount(ids, weights=part[word], minlength=len(self.begins)) for part in parts.T]
        return np.stack(sums, axis=1), np.bincount(ids, minlength=len(self.begins))

    def _fit_languages(self, rows: np.ndarray, features: csr_matrix, scorers: dict[str, np.ndarray]) -> None:
        """One matrix a language from its rows and the scores of the sources, and the opinion of each row from the other folds."""
        from sklearn.model_selection import StratifiedKFold

        languages = self.corpus.rows["language"][rows]
        for language in sorted(self.languages):
            place = np.flatnonzero(languages == language)
            own = {f"{name}/{self.corpus.manifest['languages'][language]}" for name in self.config.datasets}
            heard = [scorer for name, scorer in scorers.items() if name not in own]
            weights = np.concatenate(heard, axis=1) if heard else np.zeros((features.shape[1] + 1, 0), dtype=np.float32)
            scores = features[place] @ weights[:-1] + weights[-1]
            mean, spread = scores.mean(0), scores.std(0) + 1e-9
            both = hstack([features[place], csr_matrix((scores - mean) / spread * self.config.source_scale)]).tocsr()
            labels = self.corpus.rows["label"][rows[place]]
            counts = np.bincount(labels, minlength=self.classes)
            if not counts.all():
                raise ConfigError(f"The teacher needs rows of all {self.classes} classes in every language; "
                                  f"{self.corpus.manifest['languages'][language]} has {counts.tolist()}.")
            folds = StratifiedKFold(max(2, min(FOLDS, counts.min())), shuffle=True, random_state=self.config.seed)
            for known, asked in folds.split(both, labels) if counts.min() > 1 else ():
                part = _fit(both[known], labels[known], self.config.strength)
                opinions = softmax(both[asked] @ part[:-1] + part[-1], axis=1)
                self.opinions[rows[place[asked]]] = opinions
            whole = _fit(both, labels, self.config.strength)
            direct, listened = whole[: features.shape[1]], whole[features.shape[1] : -1] / spread[:, None] * self.config.source_scale
            constant = whole[-1] + (weights[-1] - mean) @ listened
            self.matrices[language] = np.concatenate([direct + weights[:-1] @ listened, constant[None]]).astype(np.float32)

    def _source_rows(self, name: str) -> np.ndarray:
        dataset, _, language = name.rpartition("/")
        rows = self.corpus.select(split="train", datasets=(dataset,), labelled=True)
        languages = self.corpus.manifest["languages"]
        rows = rows[self.corpus.rows["language"][rows] == languages.index(language)] if language in languages else rows[:0]
        if len(np.unique(self.corpus.rows["label"][rows])) < 2:
            raise ConfigError(f"teacher source {name!r} has no training rows of two classes; write it as dataset/language, like xed/es.")
        return np.random.default_rng(self.config.seed).permutation(rows)[: self.config.source_rows]

    def _mixtures(self, rows: np.ndarray, others: np.ndarray) -> list[np.ndarray]:
        """Mixtures of the rows of one language, as many as are its part of all, some with a part from other rows of it."""
        generator = np.random.default_rng([self.config.seed, int(rows[0])])
        count = max(1, self.config.mixtures * len(rows) // len(self.rows)) if self.config.mixed else 0
        pairs = rows[generator.integers(len(rows), size=(count, 2))]
        if len(others):
            foreign = np.flatnonzero(generator.random(count) < self.config.foreign)
            pairs[foreign, generator.integers(2, size=len(foreign))] = others[generator.integers(len(others), size=len(foreign))]
        return [self._mix(self.corpus.input_ids(first), self.corpus.input_ids(second), generator) for first, second in pairs]

    def _mix(self, first: np.ndarray, second: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The beginning of one text and the end of another, cut where words begin."""
        head = np.flatnonzero(self.begins[first])
        tail = np.flatnonzero(self.begins[second])
        if len(head) < 2 or len(tail) < 2:
            return first
        return np.concatenate([first[: generator.choice(head[1:])], second[generator.choice(tail[:-1]) :]])

    def _texts(self, sequences: list[np.ndarray]) -> list[str]:
        return list(self.tokenizer.backend_tokenizer.decode_batch([sequence.tolist() for sequence in sequences]))


def _lexicon(shares: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Mean over the places of each piece, in each language and in all, drawn to nothing where it is rare."""
    everywhere = (np.sum([sums for sums, _ in shares], axis=0), np.sum([places for _, places in shares], axis=0))
    return np.concatenate([sums / (places + UNHEARD)[:, None] for sums, places in [*shares, everywhere]], axis=1).astype(np.float32)


def _fit(features: csr_matrix, labels: np.ndarray, strength: float) -> np.ndarray:
    """Weights of a logistic regression and, last, its constants (features + 1, scores), float32; two classes give one score."""
    from sklearn.linear_model import LogisticRegression

    used = np.unique(features.indices)  # most n-grams occur in no row of a single corpus
    model = LogisticRegression(C=strength, tol=1e-3, max_iter=200).fit(features[:, used], labels)
    weights = np.zeros((features.shape[1] + 1, len(model.coef_)), dtype=np.float32)
    weights[used], weights[-1] = model.coef_.T, model.intercept_
    return weights
