"""Packed sentence pairs and the batches made of them: a pair is two rows of the pack, source then target."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from models.data.pack import SPLITS, PackedCorpus
from models.errors import ConfigError
from models.training.batches import pad
from models.training.pair_noise import NoiseConfig, PairNoise

IGNORED = -100  # label of a position that has no loss
NO_NOISE = NoiseConfig()


@dataclass(frozen=True)
class PairSampling:
    """How often pairs of each direction and data set are drawn."""

    temperature: float = 1.0  # 1 = in proportion to size, larger = towards equal shares for every direction
    weights: dict[str, float] = field(default_factory=dict)  # data set, or data set/direction such as msctd/en-zh -> how often its pairs count; 1 if not named
    epoch_pairs: int | None = None  # pairs drawn in one epoch; None = as many as there are

    def __post_init__(self) -> None:
        """Raises ConfigError for values out of range."""
        if self.temperature < 1 or any(weight < 0 for weight in self.weights.values()):
            raise ConfigError(f"sampling has temperature {self.temperature} and weights {self.weights}, expected 1 or more, and weights of 0 or more.")


@dataclass(frozen=True)
class PairBatch:
    """A teacher-forced batch, all int64: input_ids and attention_mask (batch, source), decoder_input_ids and labels (batch, target)."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    decoder_input_ids: torch.Tensor
    labels: torch.Tensor


def tag(language: str) -> str:
    """The special token before a source that asks for a target language, e.g. <2zh> (Johnson et al. 2017)."""
    return f"<2{language}>"


def languages_of(directions: Sequence[str]) -> tuple[str, ...]:
    """Languages of directions such as en-zh, sorted.

    Raises:
        ConfigError: A direction is not two language tags joined by a hyphen.
    """
    for direction in directions:
        languages = direction.split("-")
        if len(languages) != 2 or not all(languages) or languages[0] == languages[1]:
            raise ConfigError(f"The direction {direction!r} is not two different languages such as en-zh; mend `directions`.")
    return tuple(sorted({language for direction in directions for language in direction.split("-")}))


def pair_rows(pairs: Iterable[dict[str, Any]], languages: Sequence[str], development: int) -> Iterator[dict[str, Any]]:
    """Each pair between known languages as two rows for `pack_rows`; one training pair in `development` becomes a development pair."""
    for pair in pairs:
        if pair["source_language"] not in languages or pair["target_language"] not in languages:
            continue
        split = pair["split"]
        if split == "train" and development:
            digest = hashlib.sha256((pair["source"] + "\t" + pair["target"]).encode("utf-8", "replace")).digest()
            split = "development" if int.from_bytes(digest[:4]) % development == 0 else split
        shared = {"label": "", "domain": pair["domain"], "dataset": pair["dataset"], "split": split, "document": "", "position": 0}
        yield {"text": pair["source"], "language": pair["source_language"], **shared}
        yield {"text": pair["target"], "language": pair["target_language"], **shared}


class PairTable:
    """The pairs of a pack in the directions asked for.

    Attributes:
        source, target: Row numbers in the pack (pairs,).
        direction: Index into `directions` (pairs,).
        dataset: Index into the manifest's data sets (pairs,).
    """

    def __init__(self, corpus: PackedCorpus, directions: Sequence[str], *, split: str, max_length: int) -> None:
        """Finds the pairs of a split; a text that fills the whole pack length may have been cut, so its pair is left out.

        Raises:
            ConfigError: A direction has no pair at all in the training split.
        """
        self.corpus, self.directions = corpus, tuple(directions)
        rows, names = corpus.rows, corpus.manifest["languages"]
        even = np.arange(0, len(rows), 2)
        whole = (rows["length"][even] < max_length - 2) & (rows["length"][even + 1] < max_length - 2)
        chosen = even[whole & (rows["split"][even] == SPLITS.index(split)) & (rows["length"][even] > 0) & (rows["length"][even + 1] > 0)]
        parts = []
        for number, direction in enumerate(self.directions):
            first, second = (names.index(name) if name in names else -1 for name in direction.split("-"))
            for shift in (0, 1):  # as published, and the other way round
                member = chosen[(rows["language"][chosen + shift] == first) & (rows["language"][chosen + 1 - shift] == second)]
                parts.append(np.stack([member + shift, member + 1 - shift, np.full(len(member), number)]))
            if split == "train" and not sum(part.shape[1] for part in parts[-2:]):
                raise ConfigError(f"There is no training pair {direction}; take it out of `directions` or build a corpus that has some.")
        self.source, self.target, self.direction = np.concatenate(parts, axis=1)
        self.dataset = rows["dataset"][self.source]

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.source)

    def lengths(self) -> np.ndarray:
        """Tokens of source and target as they stand in a batch, special ones included (pairs, 2)."""
        lengths = self.corpus.rows["length"].astype(np.int64)
        return np.stack([lengths[self.source] + 2, lengths[self.target] + 1], axis=1)

    def weights(self, sampling: PairSampling) -> np.ndarray:
        """Relative frequency of each pair (pairs,): n^(1/T) over directions, times the weight of its data set.

        Raises:
            ConfigError: A weight names a data set that the pack does not have.
        """
        counts = np.bincount(self.direction, minlength=len(self.directions)).astype(float)
        scale = np.divide(counts ** (1 / sampling.temperature), counts, out=np.zeros_like(counts), where=counts > 0)
        result = scale[self.direction]
        names = self.corpus.manifest["datasets"]
        for key, weight in sampling.weights.items():
            name, _, direction = key.partition("/")
            if name not in names or (direction and direction not in self.directions):
                raise ConfigError(f"sampling weights name {key!r}; data sets are {names}, directions {list(self.directions)}.")
            member = self.dataset == names.index(name)
            if direction:
                member &= self.direction == self.directions.index(direction)
            result = np.where(member, result * weight, result)
        return np.asarray(result / result.sum())


class PairBatcher:
    """Makes teacher-forced batches of the pairs of a table."""

    def __init__(self, table: PairTable, tokenizer: Any, max_length: int, noise: NoiseConfig = NO_NOISE) -> None:
        """Keeps the table; `max_length` is the number of positions of the model."""
        self.table, self.max_length = table, max_length
        self.sep, self.pad = tokenizer.sep_token_id, tokenizer.pad_token_id
        self.tags = [tokenizer.convert_tokens_to_ids(tag(direction.split("-")[1])) for direction in table.directions]
        self.noise = PairNoise(noise, tokenizer)
        self.partners = _partners(table) if noise.concatenation else {}

    def batch(self, indices: np.ndarray, seed: int, step: int, device: str = "cpu") -> PairBatch:
        """A batch; the same seed and step give the same one."""
        generator = np.random.default_rng([seed, step, 11])
        sources, targets = [], []
        for index in indices:
            source, target = self._pair(int(index), generator)
            room = self.max_length - 2
            sources.append(np.concatenate(([self.tags[self.table.direction[index]]], source[:room], [self.sep])))
            targets.append(np.concatenate(([self.sep], target[:room], [self.sep])))
        input_ids, whole = pad(sources, self.pad), pad(targets, IGNORED)
        labels, decoder = whole[:, 1:], whole[:, :-1].copy()
        decoder[labels == IGNORED] = self.pad  # behind the end nothing is read
        lengths = np.array([len(source) for source in sources])
        mask = (np.arange(input_ids.shape[1]) < lengths[:, None]).astype(np.int64)
        return PairBatch(*(torch.from_numpy(np.ascontiguousarray(value)).to(device) for value in (input_ids, mask, decoder, labels)))

    def _pair(self, index: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Token ids of both sides, after noise on the source and joining with another pair."""
        corpus, table = self.table.corpus, self.table
        source, target = corpus.input_ids(table.source[index]), corpus.input_ids(table.target[index])
        key = (int(table.direction[index]), int(table.dataset[index]))
        if self.partners and generator.random() < self.noise.config.concatenation:
            other = int(generator.choice(self.partners[key]))
            second = corpus.input_ids(table.source[other]), corpus.input_ids(table.target[other])
            if max(len(source) + len(second[0]), len(target) + len(second[1])) <= self.max_length - 2:
                source, target = np.concatenate([source, second[0]]), np.concatenate([target, second[1]])
        return self.noise(source, generator), target


def _partners(table: PairTable) -> dict[tuple[int, int], np.ndarray]:
    """Pairs by (direction, data set): what a pair may be joined with."""
    keys = np.stack([table.direction, table.dataset], axis=1)
    return {(int(d), int(n)): np.flatnonzero((keys == (d, n)).all(axis=1)) for d, n in np.unique(keys, axis=0)}
