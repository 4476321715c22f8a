"""Translations with source tokens and earlier target tokens taken away: the common ground of perturbation methods on translators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.decoding import score_targets
from models.progress import Progress, no_progress
from xai.forced_pair import ForcedPair, earlier
from xai.masking import describe_mask, mask_id, token_owners

Key = tuple[tuple[int, ...], tuple[int, ...]]  # what the encoder and what the decoder is given


class MaskedTranslation:
    """Log-probabilities of fixed target tokens for any choice of kept source and target tokens.

    A missing token is the mask id at each of its positions. A missing target token is missing from what the decoder is given only,
    so it changes nothing but the tokens after it; what is scored stays the whole translation. One pass gives all target tokens.
    A target token of several ids (an emoji in bytes) is scored with its own ids given, also where it is missing for the tokens
    after it; only then a pass of its own is needed.

    Attributes:
        pair: The texts.
        rows: The explained target tokens.
        players: Whether a feature can move a row (rows, source + target): every source token, and target tokens before the row's.
        values, base_values: Log-probability in nats of each row with every token and without any (rows,).
        baseline: What stands for a missing token.
    """

    def __init__(self, pair: ForcedPair, rows: Sequence[int], progress: Progress = no_progress) -> None:
        """Evaluates the translation whole and empty.

        Raises:
            InputError: The tokenizer has no token that can stand for a missing one.
        """
        self.pair, self.rows, self.expected = pair, list(rows), 0
        self.progress: Progress = no_progress
        self.sources, self.targets = len(pair.source.offsets), len(pair.target.offsets)
        self.features = self.sources + self.targets
        self.players = np.hstack([np.ones((len(self.rows), self.sources), bool), earlier(self.rows, self.targets)])
        self.baseline = describe_mask(pair.model.tokenizer)
        self._mask = mask_id(pair.model.tokenizer)
        self._source, self._target = np.array(pair.source.input_ids), np.array(pair.target.input_ids)
        self._source_owner, self._target_owner = token_owners(pair.source), token_owners(pair.target)
        self._several = [row for row in self.rows if len(pair.target.positions[row]) > 1]
        self._known: dict[Key, np.ndarray] = {}
        self.values, self.base_values = self(np.array([np.ones(self.features, bool), np.zeros(self.features, bool)]))
        self.progress = progress  # from here on, when the method has said how much there is to do

    @property
    def evaluations(self) -> int:
        """Distinct pairs evaluated so far."""
        return len(self._known)

    def __call__(self, kept: np.ndarray) -> np.ndarray:
        """Log-probabilities in nats (masks, rows) for masks (masks, source + target) that are true where a token stays."""
        kept = np.atleast_2d(kept).astype(bool)
        shared = [self._key(mask, max(self.rows)) for mask in kept]
        own = {(number, row): self._key(mask, row) for number, mask in enumerate(kept)
               for row in self._several if not mask[self.sources + row]}
        self._evaluate([*shared, *own.values()])
        said = [[self._known[own.get((number, row), shared[number])][[place - 1 for place in self.pair.target.positions[row]]].sum()
                 for row in self.rows] for number in range(len(kept))]
        return np.array(said)

    def split(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores (rows, source + target) as those of the source and those of the prefix."""
        return scores[:, : self.sources], np.where(self.players, scores, 0.0)[:, self.sources :]

    def _key(self, mask: np.ndarray, row: int) -> Key:
        """The ids of a mask; target tokens from the row's on change nothing for it and stay."""
        target = mask[self.sources :] | (np.arange(self.targets) >= row)
        return self._ids(self._source, self._source_owner, mask[: self.sources]), self._ids(self._target, self._target_owner, target)

    def _ids(self, whole: np.ndarray, owner: np.ndarray, kept: np.ndarray) -> tuple[int, ...]:
        return tuple(np.where((owner < 0) | kept[np.maximum(owner, 0)], whole, self._mask).tolist())

    def _evaluate(self, keys: Sequence[Key]) -> None:
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        before = self.evaluations

        def tell(done: int, total: int) -> None:
            self.progress(before + done, max(self.expected, before + total))

        said = score_targets(self.pair.model, [(source, tuple(self._target.tolist())) for source, _ in new],
                             decoder_inputs=[target for _, target in new], progress=tell)
        self._known.update(zip(new, said, strict=True))
