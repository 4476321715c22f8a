"""Why a model said what it said: attention, SHAP, LIME, gradients, occlusion."""

from importlib import import_module
from typing import Any

__all__ = ["METHODS", "TRANSLATION_METHODS", "Attribution", "SequenceAttribution", "attention", "cross_attention"]
_HOMES = {"METHODS": "methods", "TRANSLATION_METHODS": "methods", "Attribution": "attribution", "SequenceAttribution": "sequence_attribution",
          "attention": "attention", "cross_attention": "cross_attention"}


def __getattr__(name: str) -> Any:  # lazily, so that figures are drawn without PyTorch
    if name not in _HOMES:
        raise AttributeError(f"module 'xai' has no attribute {name!r}")
    module = import_module(f"xai.{_HOMES[name]}")
    return module if name == _HOMES[name] else getattr(module, name)
