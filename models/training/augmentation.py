"""Noise on training texts: split pieces, word dropout, character noise and code-switching by lexicon."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ConfigError

Lexicon = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class AugmentationConfig:
    """Shares of training texts that are changed, and how much of each."""

    word_dropout: float = 0.0  # share of texts in which words are dropped
    character_noise: float = 0.0  # share of texts with typing errors
    code_switching: float = 0.0  # share of texts with words said in another language
    strength: float = 0.15  # share of the words of such a text that are touched
    piece_split: float = 0.0  # chance of each piece to be spelt as two smaller ones, in every text
    lexicon: str = ""  # JSON Lines file: one object of language -> word a line

    def __post_init__(self) -> None:
        """Raises ConfigError for shares out of range or code-switching without a lexicon."""
        for name in ("word_dropout", "character_noise", "code_switching", "strength", "piece_split"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"augmentation {name} is {getattr(self, name)}, expected a share between 0 and 1.")
        if self.code_switching and not self.lexicon:
            raise ConfigError("augmentation code_switching needs `lexicon`, the path of a JSON Lines file.")


class Augmenter:
    """Changes token ids of a text by going through its words."""

    def __init__(self, config: AugmentationConfig, tokenizer: Any) -> None:
        """Reads the lexicon when code-switching is on."""
        self.config, self.tokenizer = config, tokenizer
        self.lexicon = read_lexicon(config.lexicon) if config.code_switching else {}
        self.noisy = config.word_dropout + config.character_noise + config.code_switching > 0
        self.splits = piece_splits(tokenizer.get_vocab()) if config.piece_split else {}
        self.active = self.noisy or config.piece_split > 0

    def __call__(self, input_ids: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The ids of the text after noise, without special tokens (length,)."""
        if self.noisy:
            input_ids = self._change_words(input_ids, generator)
        return split_pieces(input_ids, self.splits, self.config.piece_split, generator) if self.splits else input_ids

    def _change_words(self, input_ids: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        draws = generator.random(3)
        wanted = (self.config.word_dropout, self.config.character_noise, self.config.code_switching)
        if not (draws < wanted).any():
            return input_ids
        words = self.tokenizer.decode(input_ids).split(" ")
        if draws[2] < wanted[2]:
            words = switch_words(words, self.lexicon, self.config.strength, generator)
        if draws[1] < wanted[1]:
            words = add_typos(words, self.config.strength, generator)
        if draws[0] < wanted[0]:
            words = drop_words(words, self.config.strength, generator)
        encoded = self.tokenizer(" ".join(words), add_special_tokens=False)["input_ids"]
        return np.array(encoded[: max(len(input_ids), 8) * 2], dtype=np.int64) if encoded else input_ids


def piece_splits(vocabulary: dict[str, int]) -> dict[int, list[tuple[int, int]]]:
    """For each piece the pairs of smaller pieces that spell it; pieces without such a pair, special and byte ones are left out."""
    splits = {}
    for piece, number in vocabulary.items():
        if len(piece) > 1 and not (piece.startswith(("<0x", "["))):
            pairs = [(vocabulary[piece[:cut]], vocabulary[piece[cut:]]) for cut in range(1, len(piece))
                     if piece[:cut] in vocabulary and piece[cut:] in vocabulary]
            if pairs:
                splits[number] = pairs
    return splits


def split_pieces(
    input_ids: np.ndarray, splits: dict[int, list[tuple[int, int]]], chance: float, generator: np.random.Generator
) -> np.ndarray:
    """The ids with a random share of pieces spelt as two (after BPE-dropout, Provilkov et al. 2020, but drawn from our seed)."""
    chosen = generator.random(len(input_ids)) < chance
    result: list[int] = []
    for number, split in zip(input_ids.tolist(), chosen.tolist(), strict=True):
        pairs = splits.get(number) if split else None
        result.extend(pairs[int(generator.integers(len(pairs)))] if pairs else (number,))
    return np.array(result, dtype=np.int64)


def drop_words(words: list[str], share: float, generator: np.random.Generator) -> list[str]:
    """The words without a random share of them (Iyyer et al. 2015); one always stays.

    A text written without spaces is one "word" here, so its characters are dropped instead.
    """
    if len(words) == 1:
        return ["".join(drop_words(list(words[0]), share, generator))] if len(words[0]) > 1 else words
    kept = generator.random(len(words)) >= share
    kept[generator.integers(len(words))] = True
    return [word for word, stays in zip(words, kept, strict=True) if stays]


def add_typos(words: list[str], share: float, generator: np.random.Generator) -> list[str]:
    """The words with a swap, a loss or a doubling of one character in a random share of them (Belinkov & Bisk 2018)."""
    result = list(words)
    for index in np.flatnonzero(generator.random(len(words)) < share):
        word = words[index]
        if len(word) < 3:
            continue
        place, kind = int(generator.integers(len(word) - 1)), int(generator.integers(3))
        middle = (word[place + 1] + word[place], word[place + 1], word[place] * 2 + word[place + 1])[kind]
        result[index] = word[:place] + middle + word[place + 2 :]
    return result


def switch_words(words: list[str], lexicon: Lexicon, share: float, generator: np.random.Generator) -> list[str]:
    """The words with translations in a random language for those in the lexicon (Qin et al. 2020); share × 2 of them."""
    result = list(words)
    for index, word in enumerate(words):
        choices = lexicon.get(word.lower())
        if choices and generator.random() < 2 * share:
            result[index] = choices[int(generator.integers(len(choices)))]
    return result


def read_lexicon(path: str | Path) -> Lexicon:
    """Word -> its translations in the other languages.

    Raises:
        ConfigError: The file is missing or a line is not an object of language -> word.
    """
    entries: dict[str, set[str]] = {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"The lexicon {path} cannot be read; give a JSON Lines file of language -> word.") from error
    for number, line in enumerate(lines, 1):
        try:
            words = [str(word).lower() for key, word in json.loads(line).items() if key != "sense"]
        except (json.JSONDecodeError, AttributeError) as error:
            raise ConfigError(f"{path} line {number} is not a JSON object of language -> word.") from error
        for word in words:
            entries.setdefault(word, set()).update(other for other in words if other != word)
    return {word: tuple(sorted(others)) for word, others in entries.items() if others}
