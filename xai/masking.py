"""Texts with some tokens taken away, as rows of token ids: the common ground of all perturbation methods."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from models.classifier import Classifier
from models.errors import InputError
from models.inference import evaluate_rows, softmax
from models.progress import Progress, no_progress
from models.tokens import TokenizedText, tokenize


def mask_id(tokenizer: Any) -> int:
    """The id that stands for a missing token: the mask token, else the unknown, else the padding token.

    Raises:
        InputError: The tokenizer has none of them.
    """
    for value in (tokenizer.mask_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id):
        if value is not None:
            return int(value)
    raise InputError("The tokenizer has no mask, unknown or padding token; perturbation methods need one, use a gradient method.")


def describe_mask(tokenizer: Any) -> str:
    """What stands for a missing token, in words: kind and text of the token that `mask_id` gives."""
    number = mask_id(tokenizer)
    kinds = {"mask": tokenizer.mask_token_id, "unknown": tokenizer.unk_token_id, "padding": tokenizer.pad_token_id}
    kind = next(kind for kind, value in kinds.items() if value == number)
    return f"{kind} token {tokenizer.convert_ids_to_tokens(number)}"


def token_owners(tokenized: TokenizedText) -> np.ndarray:
    """Number of the token that each id belongs to, -1 for special tokens (length,)."""
    owners = np.full(len(tokenized.input_ids), -1)
    for token, places in enumerate(tokenized.positions):
        owners[list(places)] = token
    return owners


def resolve_target(model: Classifier, target: str | None, predicted: str) -> str:
    """The label to explain: the given one, else the predicted one.

    Raises:
        InputError: The label is not one of the model's.
    """
    if target is None:
        return predicted
    if target not in model.labels:
        raise InputError(f"The target {target!r} is not a label of {model.name}; its labels are {', '.join(model.labels)}.")
    return target


def masked_rows(tokenized: TokenizedText, owners: np.ndarray, mask: int, kept: np.ndarray) -> list[tuple[int, ...]]:
    """Ids of a text for masks (rows, tokens) that are true where a token stays: the mask id at every position of one that does not; special tokens stay.

    Args:
        tokenized: The text.
        owners: What `token_owners` says of it (length,).
        mask: What `mask_id` says of the tokenizer.
        kept: The masks.
    """
    position_kept = np.where(owners >= 0, kept[:, np.maximum(owners, 0)], True)
    return [tuple(row) for row in np.where(position_kept, np.array(tokenized.input_ids), mask).tolist()]


def predict_without_words(model: Classifier, tokenized: TokenizedText, words: Collection[int]) -> dict[str, float]:
    """Probability (0-1) of each label when some words of a text, by number, are masked.

    Raises:
        InputError: The tokenizer has nothing to mask with.
    """
    kept = ~np.isin(tokenized.word_ids, list(words))[None]
    row = masked_rows(tokenized, token_owners(tokenized), mask_id(model.tokenizer), kept)
    return dict(zip(model.labels, softmax(evaluate_rows(model, row))[0].tolist(), strict=True))


class MaskedOutput:
    """The probability of one label for any choice of kept tokens; equal rows of token ids are evaluated once.

    Attributes:
        tokenized: The text.
        target: The explained label.
        value: Its probability for the whole text.
        base_value: Its probability with every token masked.
    """

    def __init__(self, model: Classifier, text: str, target: str | None, progress: Progress = no_progress) -> None:
        """Tokenizes the text and evaluates it whole and empty.

        Raises:
            InputError: The text is empty or the target unknown.
        """
        self.model, self.progress, self.expected = model, progress, 0
        self.tokenized: TokenizedText = tokenize(model, text)
        self._mask = mask_id(model.tokenizer)
        self._owner = token_owners(self.tokenized)
        count = len(self.tokenized.offsets)
        ends = self._rows(np.array([np.ones(count, bool), np.zeros(count, bool)]))
        probabilities = softmax(evaluate_rows(model, ends))
        self.target = resolve_target(model, target, model.labels[int(probabilities[0].argmax())])
        self._column = model.labels.index(self.target)
        self.value, self.base_value = (float(row[self._column]) for row in probabilities)
        self._known = dict(zip(ends, (self.value, self.base_value), strict=True))

    @property
    def evaluations(self) -> int:
        """Different rows of token ids evaluated so far."""
        return len(self._known)

    def __call__(self, kept: np.ndarray) -> np.ndarray:
        """Probability of the target (rows,) for masks (rows, tokens) that are true where a token stays."""
        rows = self._rows(np.atleast_2d(kept).astype(bool))
        new = list(dict.fromkeys(row for row in rows if row not in self._known))
        before = self.evaluations

        def tell(done: int, total: int) -> None:
            self.progress(before + done, max(self.expected, before + total))

        if new:
            self._known.update(zip(new, softmax(evaluate_rows(self.model, new, progress=tell))[:, self._column].tolist(), strict=True))
        return np.array([self._known[row] for row in rows])

    def _rows(self, kept: np.ndarray) -> list[tuple[int, ...]]:
        return masked_rows(self.tokenized, self._owner, self._mask, kept)
