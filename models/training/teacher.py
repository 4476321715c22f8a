"""A linear teacher on character n-grams and pieces, for the few texts of the domain that counts.

From a thousand texts a language a linear model on n-grams learns more than a small encoder does. The encoder learns from
it: the teacher labels the texts and mixtures of two of them, which cost nothing to make (Hinton et al. 2015; Tang et al. 2019).
Linear models of other corpora of the language, and one of the other languages, give it further features, their scores (stacking,
Wolpert 1992); as those are linear in the same n-grams, the whole teacher of a language is one matrix. Its n-grams are those of
`models.architecture`, so the matrices of all languages are also the wide half of the finished model. What it says is written down
once: training reads it and never meets the teacher.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags, hstack
from scipy.special import softmax

from models.architecture import find_grams, piece_characters
from models.data.pack import PackedCorpus
from models.disk import replacing
from models.errors import ConfigError
from models.training.batches import pad

MINIMUM_TEXTS = 2  # an n-gram in fewer texts is left out
FOLDS = 5  # each row is judged by a model that has not seen it; fewer where a class has fewer rows
LISTENING = ("weight", "lexicon")  # settings that change nothing in what it says
ALIKE = 8  # a row is replaced by one of so many mixtures that are as long, or by one of a fiftieth of them: batches are cut by length
AT_ONCE = 512  # texts whose n-grams are found together


@dataclass(frozen=True)
class TeacherConfig:
    """Which rows the teacher learns from, and how far it is followed."""

    datasets: tuple[str, ...] = ()  # labelled training rows it is fitted on, a language at a time; none = no teacher
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)  # language -> dataset/language of other rows, whose own linear models it hears
    source_rows: int = 30_000  # most rows read of a source
    source_scale: float = 0.15  # spread of a source's score; the smaller, the less it is listened to
    buckets: int = 131_072  # of the hashed n-grams, a power of two
    weight: float = 0.5  # share of its opinion in the target of a row in its languages, beside the label
    mixed: float = 0.0  # share of the rows of its data sets that are replaced by a mixture of two, labelled by it alone
    mixtures: int = 50_000  # different mixtures made for that
    foreign: float = 0.0  # share of the mixtures with a part from the other corpora of the language: words its own rows lack
    lexicon: float = 0.0  # root mean square of what it says of the pieces, written into the embeddings before the first step; 0 = nothing
    seed: int = 1  # of the mixtures, the folds and the rows read of a source
    strength: float = 1.0  # inverse of the L2 penalty

    def __post_init__(self) -> None:
        """Raises ConfigError for shares out of range and a number of buckets that is no power of two."""
        for name in ("weight", "mixed", "foreign"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"teacher {name} is {getattr(self, name)}, expected a share between 0 and 1.")
        for name in ("strength", "source_scale"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"teacher {name} is {getattr(self, name)}, expected more than 0.")
        if self.buckets < 2 or self.buckets & (self.buckets - 1):
            raise ConfigError(f"teacher buckets is {self.buckets}, expected a power of two such as 131072.")


@dataclass(frozen=True)
class Lessons:
    """What a teacher said.

    Attributes:
        opinions: Probability (0-1) of each class for each row of the corpus, NaN where it was not asked (rows, classes), float32.
        ids: Token ids of all mixtures, one after the other (tokens,), uint32.
        ends: Where each mixture begins, and the last ends (mixtures + 1,); those of a language from the shortest to the longest.
        judged: Probability (0-1) of each class for each mixture (mixtures, classes), float32.
        languages: Number of the language of each mixture, in order (mixtures,).
        lexicon: What a piece alone says: the evidence of the wide half (pieces, evidence), float32.
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
    said["mixed"] = config.mixed > 0  # how often mixtures are shown changes nothing in what they are
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
    """Logistic regression on the n-grams and pieces of a text, one a language."""

    def __init__(self, corpus: PackedCorpus, tokenizer: Any, config: TeacherConfig, splits: tuple[str, ...] = ("train",)) -> None:
        """Fits it on the rows of the splits; validation rows are never seen.

        Raises:
            ConfigError: A language lacks rows of a class, or a source has no rows.
        """
        self.corpus, self.tokenizer, self.config, self.splits = corpus, tokenizer, config, splits
        self.classes = len(corpus.manifest["labels"])
        rows = self.select(config.datasets)
        self.languages = sorted(set(corpus.rows["language"][rows].tolist()))
        self.rows = rows
        vocabulary = tokenizer.get_vocab()
        self.begins = np.zeros(max(vocabulary.values()) + 1, dtype=bool)
        self.begins[[number for piece, number in vocabulary.items() if piece.startswith("▁")]] = True
        self.characters = torch.from_numpy(piece_characters(tokenizer))
        sources = {name: self._source_rows(name) for name in sorted({name for names in config.sources.values() for name in names})}
        counts = self._counts([corpus.input_ids(row) for row in np.concatenate([rows, *sources.values()])])
        texts = np.bincount(counts.indices, minlength=counts.shape[1])
        rarity = np.where(texts < MINIMUM_TEXTS, 0, np.log((1 + counts.shape[0]) / (1 + texts)) + 1)
        length = np.sqrt(counts.multiply(counts) @ rarity**2).mean()
        self.importance = (rarity / max(length, 1e-9)).astype(np.float32)  # of each n-gram and piece; texts are 1 long on average
        features = self._weighted(counts)
        places = np.split(np.arange(counts.shape[0]), np.cumsum([len(rows), *(len(found) for found in sources.values())])[:-1])
        scorers = {name: fit_linear(features[place], corpus.rows["label"][found], config.strength)
                   for (name, found), place in zip(sources.items(), places[1:], strict=True)}
        self.matrices: dict[int, np.ndarray] = {}  # language -> weights of every n-gram and piece and, last, the constant (features + 1, classes)
        self.opinions = np.full((len(corpus), self.classes), np.nan, dtype=np.float32)  # of its own rows, each from the other folds
        self._fit_languages(rows, features[: len(rows)], scorers)

    def __call__(self, sequences: list[np.ndarray], language: int) -> np.ndarray:
        """Probability (0-1) of each class for each sequence of token ids of a language (sequences, classes), float32."""
        matrix = self.matrices[language]
        return np.asarray(softmax(self.features(sequences) @ matrix[:-1] + matrix[-1], axis=1), dtype=np.float32)

    def lessons(self) -> Lessons:
        """Its opinion of every labelled training row in its languages, and mixtures with its opinion of them."""
        opinions = self.opinions.copy()
        labelled, every = self.corpus.select(split="train", labelled=True), self.corpus.select(split="train")
        mixtures, judged, languages = [], [], []
        for language in self.languages:
            spoken = labelled[self.corpus.rows["language"][labelled] == language]
            open_ = spoken[np.isnan(opinions[spoken, 0])]
            opinions[open_] = self([self.corpus.input_ids(row) for row in open_], language)
            own = self.rows[self.corpus.rows["language"][self.rows] == language]
            others = np.setdiff1d(every[self.corpus.rows["language"][every] == language], own)
            found = sorted(self._mixtures(own, others), key=len)
            mixtures += found
            judged.append(self(found, language))
            languages.append(np.full(len(found), language))
        ends = np.cumsum([0, *(len(mixture) for mixture in mixtures)])
        ids = np.concatenate(mixtures) if mixtures else np.zeros(0, dtype=np.int64)
        return Lessons(opinions, ids.astype(np.uint32), ends, np.concatenate(judged), np.concatenate(languages), self.lexicon())

    def lexicon(self) -> np.ndarray:
        """What each piece alone adds to the log-odds of each class in each language, classes within languages (pieces, languages × classes)."""
        weights = self.importance[:, None] * np.concatenate([matrix[:-1] for matrix in self.matrices.values()], axis=1)
        pieces = torch.arange(len(self.begins))[:, None]
        places, buckets = find_grams(pieces, self.characters, self.config.buckets - 1)
        said = weights[self.config.buckets :].copy()
        np.add.at(said, places.numpy(), weights[buckets.numpy()])
        return np.asarray(said, dtype=np.float32)

    def select(self, datasets: tuple[str, ...] | None) -> np.ndarray:
        """Labelled rows of its splits (selected,), of some data sets or all of them."""
        return np.concatenate([self.corpus.select(split=split, datasets=datasets, labelled=True) for split in self.splits])

    def features(self, sequences: list[np.ndarray]) -> csr_matrix:
        """TF-IDF of the n-grams and then the pieces of each sequence of token ids (sequences, features), float32."""
        return self._weighted(self._counts(sequences))

    def _counts(self, sequences: list[np.ndarray]) -> csr_matrix:
        """How often each n-gram and piece occurs, over the square root of the number of tokens (sequences, features)."""
        width = self.config.buckets + len(self.begins)
        texts, columns, lengths = [], [], np.array([len(sequence) + 2 for sequence in sequences])
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(order), AT_ONCE):
            chosen = order[start : start + AT_ONCE]
            ids = pad([np.concatenate(([self.tokenizer.cls_token_id], sequences[place], [self.tokenizer.sep_token_id])).astype(np.int64)
                       for place in chosen], self.tokenizer.pad_token_id)
            places, buckets = find_grams(torch.from_numpy(ids), self.characters, self.config.buckets - 1)
            rows, columns_of = np.nonzero(ids != self.tokenizer.pad_token_id)
            texts += [chosen[places.numpy() // ids.shape[1]], chosen[rows]]
            columns += [buckets.numpy(), ids[rows, columns_of] + self.config.buckets]
        if not texts:
            return csr_matrix((0, width), dtype=np.float32)
        which = np.concatenate(texts)
        counts = csr_matrix((1 / np.sqrt(lengths[which]).astype(np.float32), (which, np.concatenate(columns))), shape=(len(sequences), width))
        counts.sum_duplicates()
        return counts

    def _weighted(self, counts: csr_matrix) -> csr_matrix:
        return (counts @ diags(self.importance)).tocsr()

    def _fit_languages(self, rows: np.ndarray, features: csr_matrix, scorers: dict[str, np.ndarray]) -> None:
        """One matrix a language from its rows and the scores of its sources and of the other languages, and the opinion of each row from the other folds."""
        from sklearn.model_selection import StratifiedKFold

        languages, labels = self.corpus.rows["language"][rows], self.corpus.rows["label"][rows]
        for language in self.languages:
            name, member = self.corpus.manifest["languages"][language], languages == language
            counts = np.bincount(labels[member], minlength=self.classes)
            if not counts.all():
                raise ConfigError(f"The teacher needs rows of all {self.classes} classes in every language; {name} has {counts.tolist()}.")
            heard = [scorers[source] for source in self.config.sources.get(name, ())]
            if not member.all():
                heard.append(fit_linear(features[~member], labels[~member], self.config.strength))
            weights = np.concatenate(heard, axis=1) if heard else np.zeros((features.shape[1] + 1, 0), dtype=np.float32)
            own, known = features[member], labels[member]
            scores = own @ weights[:-1] + weights[-1]
            mean, spread = scores.mean(0), scores.std(0) + 1e-9
            both = hstack([own, csr_matrix((scores - mean) / spread * self.config.source_scale)]).tocsr()
            folds = StratifiedKFold(max(2, min(FOLDS, counts.min())), shuffle=True, random_state=self.config.seed)
            for learnt, asked in folds.split(both, known) if counts.min() > 1 else ():
                part = fit_linear(both[learnt], known[learnt], self.config.strength)
                self.opinions[rows[member][asked]] = softmax(both[asked] @ part[:-1] + part[-1], axis=1)
            whole = fit_linear(both, known, self.config.strength)
            direct, listened = whole[: features.shape[1]], whole[features.shape[1] : -1] / spread[:, None] * self.config.source_scale
            constant = whole[-1] + (weights[-1] - mean) @ listened
            self.matrices[language] = np.concatenate([direct + weights[:-1] @ listened, constant[None]]).astype(np.float32)

    def _source_rows(self, name: str) -> np.ndarray:
        dataset, _, language = name.rpartition("/")
        rows = self.select((dataset,))
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


def fit_linear(features: csr_matrix, labels: np.ndarray, strength: float) -> np.ndarray:
    """Weights of a logistic regression and, last, its constants (features + 1, scores), float32; two classes give one score."""
    from sklearn.linear_model import LogisticRegression

    used = np.unique(features.indices)  # most n-grams occur in no row of a single corpus
    model = LogisticRegression(C=strength, tol=1e-3, max_iter=200).fit(features[:, used], labels)
    weights = np.zeros((features.shape[1] + 1, len(model.coef_)), dtype=np.float32)
    weights[used], weights[-1] = model.coef_.T, model.intercept_
    return weights
