"""A loaded sentiment classifier: one handle with one lock for model and tokenizer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.inference import evaluate_rows, softmax
from models.progress import Progress, no_progress
from models.text import check_text
from models.tokens import TokenizedText, tokenize_checked


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
        return self.predict_tokenized([tokenize_checked(self, check_text(text)) for text in texts], progress=progress)

    def predict_tokenized(self, texts: Sequence[TokenizedText], *, progress: Progress = no_progress) -> list[Prediction]:
        """One prediction for each tokenized text, in order."""
        probabilities = softmax(evaluate_rows(self, [text.input_ids for text in texts], progress=progress))
        return [
            Prediction(text.text, self.labels[int(row.argmax())], dict(zip(self.labels, row.tolist(), strict=True)), text.truncated_at)
            for text, row in zip(texts, probabilities, strict=True)
        ]
