"""A loaded sentiment classifier: one handle with one lock for model and tokenizer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import InputError
from models.inference import evaluate_rows, softmax
from models.progress import Progress, no_progress
from models.text import check_text
from models.tokens import EncodedText, TokenizedText, encode_texts, tokenize_checked


@dataclass(frozen=True)
class Prediction:
    """What the model says about one text.

    Attributes:
        text: The cleaned text the prediction belongs to.
        label: The most probable label.
        probabilities: Probability (0-1) of each label, in the model's order; they sum to 1.
        truncated_at: Character from which on the model did not see the text, or None.
    """

    text: str
    label: str
    probabilities: dict[str, float]
    truncated_at: int | None


class Classifier:
    """A sequence classifier with everything needed to use and explain it.

    Attributes:
        name: What the reader calls it.
        labels: Class names in the order of the logits.
        model, tokenizer: The transformers objects; hold `lock` around direct use.
        lock: Taken for one batch at a time, so that visitors take turns.
        max_length: Positions a text may fill, special tokens included.
        fingerprint: SHA-256 of weights, tokenizer and settings.
        card: Model card metadata, empty without a card.
    """

    def __init__(
        self, name: str, model: Any, tokenizer: Any, *, labels: tuple[str, ...], max_length: int, fingerprint: str,
        card: dict[str, Any] | None = None,
    ) -> None:
        """Takes a model that is already checked; use `load_classifier`."""
        self.name, self.model, self.tokenizer, self.labels = name, model, tokenizer, labels
        self.max_length, self.fingerprint, self.card = max_length, fingerprint, card or {}
        self.lock = threading.RLock()
        self.device = next(model.parameters()).device

    def predict(self, texts: Sequence[str], *, progress: Progress = no_progress) -> list[Prediction]:
        """One prediction a text, in order.

        Raises:
            InputError: A text is empty or nothing of it can be read.
            Cancelled: `progress` asked to stop.
        """
        checked = [check_text(text) for text in texts]
        encoded = [found or tokenize_checked(self, text) for text, found in zip(checked, encode_texts(self, checked), strict=True)]  # raises for None
        return self.predict_tokenized(encoded, progress=progress)

    def predict_rows(self, texts: Sequence[str], *, progress: Progress = no_progress) -> list[Prediction | None]:
        """One prediction a text, in order; None where `predict` raises InputError.

        Raises:
            Cancelled: `progress` asked to stop.
        """
        checked = [_checked(text) for text in texts]
        usable = [number for number, text in enumerate(checked) if text is not None]
        encoded = dict(zip(usable, encode_texts(self, [text for text in checked if text is not None]), strict=True))
        read = {number: text for number, text in encoded.items() if text is not None}
        found = dict(zip(read, self.predict_tokenized(list(read.values()), progress=progress), strict=True))
        return [found.get(number) for number in range(len(texts))]

    def predict_tokenized(self, texts: Sequence[TokenizedText | EncodedText], *, progress: Progress = no_progress) -> list[Prediction]:
        """One prediction for each tokenized text, in order."""
        probabilities = softmax(evaluate_rows(self, [text.input_ids for text in texts], progress=progress))
        return [
            Prediction(text.text, self.labels[int(row.argmax())], dict(zip(self.labels, row.tolist(), strict=True)), text.truncated_at)
            for text, row in zip(texts, probabilities, strict=True)
        ]


def _checked(text: str) -> str | None:
    try:
        return check_text(text)
    except InputError:
        return None
