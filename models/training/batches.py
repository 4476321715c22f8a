"""Which rows go into which batch: sampling over languages and datasets, buckets of equal length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.data.pack import PackedCorpus
from models.errors import ConfigError

POOL = 64  # batches sorted by length together, times sides²: larger wastes less padding, smaller mixes better


@dataclass(frozen=True)
class Sampling:
    """How often rows of each group are drawn."""

    temperature: float = 1.0  # 1 = in proportion to size, larger = towards equal shares for every language
    shares: dict[str, float] = field(default_factory=dict)  # fixed share of the batch rows for a dataset
    emotion_weight: float = 1.0  # weight of rows whose label was mapped from emotions
    epoch_rows: int | None = None  # rows drawn in one epoch; None = as many as there are

    def __post_init__(self) -> None:
        """Raises ConfigError for values out of range."""
        if self.temperature < 1:
            raise ConfigError(f"sampling temperature is {self.temperature}, expected 1 or more.")
        if any(share < 0 for share in self.shares.values()) or sum(self.shares.values()) > 1:
            raise ConfigError(f"sampling shares are {self.shares}, expected values of 0 or more that sum to at most 1.")


class BatchPlan:
    """The same batches for the same seed, whenever and wherever a run is resumed.

    Batch number `step` is a function of (rows, seed) alone; nothing has to be saved to go on in the middle.
    """

    def __init__(self, lengths: np.ndarray, weights: np.ndarray, *, epoch_rows: int, tokens: int, seed: int) -> None:
        """Plans batches.

        Args:
            lengths: Tokens of each row, special ones included (rows,); of each side, which are padded apart, for pairs (rows, sides).
            weights: Relative frequency of each row (rows,).
            epoch_rows: Rows drawn in one epoch.
            tokens: Most tokens in a batch, padding included.
            seed: Decides the order.
        """
        if not len(lengths):
            raise ConfigError("There is no row to train on; check the datasets and splits of the configuration.")
        longest = int(lengths.reshape(len(lengths), -1).sum(1).max())
        if longest > tokens:
            raise ConfigError(f"A batch holds {tokens} tokens, but a row has {longest}; raise batch_tokens.")
        self.lengths, self.tokens, self.seed, self.epoch_rows = lengths.reshape(len(lengths), -1), tokens, seed, epoch_rows
        self.expected = weights / weights.sum() * epoch_rows
        self.padded = self.real = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        """Endless batches of row indices."""
        epoch = 0
        while True:
            yield from self.epoch(epoch)
            epoch += 1

    def steps(self, epochs: int) -> int:
        """Number of batches in the first epochs."""
        return sum(len(self.epoch(epoch)) for epoch in range(epochs))

    def epoch(self, number: int) -> list[np.ndarray]:
        """All batches of one epoch: systematic sampling by weight, then buckets by length, shuffled."""
        generator = np.random.default_rng([self.seed, number])
        order = generator.permutation(len(self.expected))
        # Systematic sampling: a row expected 1.3 times an epoch comes once or twice, 0.2 times at most once.
        marks = np.floor(np.cumsum(self.expected[order]) + generator.random())
        counts = np.diff(marks, prepend=np.floor(generator.random())).clip(min=0).astype(int)
        rows = generator.permutation(np.repeat(order, counts))
        per_pool = max(1, int(POOL * self.lengths.shape[1] ** 2 * self.tokens / max(1.0, float(self.lengths[rows].sum(1).mean()))))
        batches: list[np.ndarray] = []
        for start in range(0, len(rows), per_pool):
            pool = rows[start : start + per_pool]
            batches.extend(self._cut(pool[self._order(self.lengths[pool])]))
        return [batches[index] for index in generator.permutation(len(batches))]

    def padding_waste(self, epochs: int = 1) -> float:
        """Share of batch positions that hold padding, in percent."""
        real = padded = 0
        for epoch in range(epochs):
            for batch in self.epoch(epoch):
                real += int(self.lengths[batch].sum())
                padded += int(self.lengths[batch].max(0).sum()) * len(batch)
        return 100 * (1 - real / padded)

    def _order(self, lengths: np.ndarray) -> np.ndarray:
        """Rows by the length of the first side; for pairs in bands of it, and in a band by the other side, up and down in turn."""
        first, others = lengths[:, 0] // lengths.shape[1], lengths[:, 1:].sum(1)
        return np.lexsort((np.where(first % 2, -others, others), first))

    def _cut(self, pool: np.ndarray) -> list[np.ndarray]:
        """Rows sorted by length, cut so that rows × longest of every side stays within the token budget."""
        batches, start, longest = [], 0, [0] * self.lengths.shape[1]
        for end, lengths in enumerate(self.lengths[pool].tolist()):
            wider = [max(pair) for pair in zip(longest, lengths, strict=True)]
            if (end - start + 1) * sum(wider) > self.tokens:
                batches.append(pool[start:end])
                start, wider = end, lengths
            longest = wider
        return [*batches, pool[start:]]


def sampling_weights(corpus: PackedCorpus, rows: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Relative frequency of each row (rows,): n_l^(1/T) over languages (Devlin et al. 2019), then fixed dataset shares.

    Raises:
        ConfigError: A share names a dataset without rows.
    """
    fields = corpus.rows[rows]
    languages = fields["language"]
    counts = np.bincount(languages, minlength=len(corpus.manifest["languages"])).astype(float)
    per_language = np.divide(counts ** (1 / sampling.temperature), counts, out=np.zeros_like(counts), where=counts > 0)
    weights = per_language[languages]
    emotion = [n for n, name in enumerate(corpus.manifest["domains"]) if name.endswith("-emotion")]
    weights = np.where(np.isin(fields["domain"], emotion), weights * sampling.emotion_weight, weights)
    shared = np.zeros(len(rows), dtype=bool)
    result = np.zeros(len(rows))
    for name, share in sampling.shares.items():
        if name not in corpus.manifest["datasets"]:
            raise ConfigError(f"sampling shares name the dataset {name!r}; known are {corpus.manifest['datasets']}.")
        member = fields["dataset"] == corpus.manifest["datasets"].index(name)
        if not member.any():
            raise ConfigError(f"sampling shares name the dataset {name!r}, which has no row in this selection.")
        result[member] = share * weights[member] / weights[member].sum()
        shared |= member
    rest = 1 - sum(sampling.shares.values())
    if (~shared).any():
        result[~shared] = rest * weights[~shared] / weights[~shared].sum()
    return np.asarray(result / result.sum())


def pad(sequences: Sequence[np.ndarray], value: int) -> np.ndarray:
    """Sequences side by side (batch, longest), filled up with a value."""
    longest = max(len(sequence) for sequence in sequences)
    result = np.full((len(sequences), longest), value, dtype=np.int64)
    for row, sequence in enumerate(sequences):
        result[row, : len(sequence)] = sequence
    return result
