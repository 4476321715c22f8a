"""What is explained: load, predict, translate; corpora, tokenizer, training, evaluation."""

from importlib import import_module
from typing import Any

__all__ = ["Classifier", "Prediction", "Translation", "Translator", "list_checkpoints", "load_classifier", "load_translator"]
_HOMES = {"Classifier": "classifier", "Prediction": "classifier", "Translation": "translator", "Translator": "translator",
          "list_checkpoints": "loading", "load_classifier": "loading", "load_translator": "loading"}


def __getattr__(name: str) -> Any:  # lazily, so that training starts without what only predicting needs
    if name not in _HOMES:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    return getattr(import_module(f"models.{_HOMES[name]}"), name)
