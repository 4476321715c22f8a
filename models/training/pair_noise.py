"""Noise on the sources of sentence pairs: typing errors, another case, split and masked pieces; targets stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import ConfigError
from models.training.augmentation import add_typos, piece_splits, split_pieces

UPPER = 0.2  # of the sources in another case, the share in capitals; the others are in lower case


@dataclass(frozen=True)
class NoiseConfig:
    """Shares of training pairs that are changed."""

    typos: float = 0.0  # share of sources with typing errors
    case: float = 0.0  # share of sources in lower case or capitals
    concatenation: float = 0.0  # share of pairs that are joined with another pair of their data set
    piece_split: float = 0.0  # chance of each piece of a source to be spelt as two smaller ones
    masking: float = 0.0  # share of sources with masked pieces, each at a rate between 0 and 1: explanations take words away in this way
    strength: float = 0.15  # share of the words of a source with typing errors that have one

    def __post_init__(self) -> None:
        """Raises ConfigError for shares out of range."""
        for name in ("typos", "case", "concatenation", "piece_split", "masking", "strength"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"noise {name} is {getattr(self, name)}, expected a share between 0 and 1.")


class PairNoise:
    """Changes the token ids of a source by going through its text."""

    def __init__(self, config: NoiseConfig, tokenizer: Any) -> None:
        """Keeps the settings."""
        self.config, self.tokenizer = config, tokenizer
        self.splits = piece_splits(tokenizer.get_vocab()) if config.piece_split else {}

    def __call__(self, input_ids: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The ids of the source after noise, without special tokens (length,)."""
        typos, case = generator.random(2) < (self.config.typos, self.config.case)
        if typos or case:
            text = self.tokenizer.decode(input_ids)
            if case:
                text = text.upper() if generator.random() < UPPER else text.lower()
            if typos:
                text = " ".join(add_typos(text.split(" "), self.config.strength, generator))
            input_ids = np.array(self.tokenizer(text, add_special_tokens=False)["input_ids"], dtype=np.int64)
        if self.splits:
            input_ids = split_pieces(input_ids, self.splits, self.config.piece_split, generator)
        if self.config.masking and generator.random() < self.config.masking:
            masked = generator.random(len(input_ids)) < generator.random()
            input_ids = np.where(masked, self.tokenizer.mask_token_id, input_ids)
        return input_ids
