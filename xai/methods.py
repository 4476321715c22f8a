"""All attribution methods under one signature.

For a classifier `METHODS[name](model, text, target=None, *, seed=0, progress=...)`; for a translator
`METHODS[name](model, text, hypothesis=None, *, source_language, target_language, seed=0, progress=...)`.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any, Protocol, overload

from models.classifier import Classifier
from models.errors import InputError
from models.translator import Translator
from xai.attention import explain_attention_rollout
from xai.attribution import Attribution
from xai.cross_attention import sequence_cross_attention
from xai.forced_pair import SequenceExplain, SequenceMethod, explaining
from xai.gradients import explain_input_x_gradient, explain_integrated_gradients
from xai.lime_values import explain_lime, sequence_lime
from xai.occlusion import explain_occlusion, sequence_occlusion
from xai.sequence_attribution import SequenceAttribution
from xai.sequence_gradients import sequence_input_x_gradient, sequence_integrated_gradients
from xai.shap_values import explain_shap, sequence_shap
from xai.shapley import explain_shapley

SEQUENCE_METHODS: dict[str, SequenceMethod] = {
    "shap": sequence_shap,
    "lime": sequence_lime,
    "integrated_gradients": sequence_integrated_gradients,
    "input_x_gradient": sequence_input_x_gradient,
    "occlusion": sequence_occlusion,
    "cross_attention": sequence_cross_attention,
}
"""What each method does on a forced pair of source and translation."""

TRANSLATION_METHODS: dict[str, SequenceExplain] = {name: explaining(name, method) for name, method in SEQUENCE_METHODS.items()}
"""The methods that explain translators."""


class Explain(Protocol):
    """One method for both kinds of models."""

    @overload
    def __call__(self, model: Classifier, text: str, target: str | None = None, /, **settings: Any) -> Attribution: ...
    @overload
    def __call__(self, model: Translator, text: str, hypothesis: str | None = None, /, **settings: Any) -> SequenceAttribution: ...


def _for_both(name: str, explain: Callable[..., Attribution]) -> Any:
    """The classifier's method, and for a translator the one of the same name."""

    @functools.wraps(explain)
    def chosen(model: Classifier | Translator, text: str, *given: Any, **settings: Any) -> Attribution | SequenceAttribution:
        if isinstance(model, Translator):
            return translation_method(name)(model, text, *given, **settings)
        return explain(model, text, *given, **settings)

    return chosen


def translation_method(name: str) -> SequenceExplain:
    """The method of that name for translators.

    Raises:
        InputError: There is none.
    """
    if name not in TRANSLATION_METHODS:
        raise InputError(f"{name} does not explain translations; choose one of {', '.join(TRANSLATION_METHODS)}.", key="no-translation-method")
    return TRANSLATION_METHODS[name]


METHODS: dict[str, Explain] = {
    name: _for_both(name, explain)
    for name, explain in {
        "shap": explain_shap,
        "shapley": explain_shapley,
        "lime": explain_lime,
        "integrated_gradients": explain_integrated_gradients,
        "input_x_gradient": explain_input_x_gradient,
        "occlusion": explain_occlusion,
        "attention_rollout": explain_attention_rollout,
    }.items()
}


def warm_up(model: Classifier) -> None:
    """Explains two words by every method, so that nobody waits for the packages that are imported at first use."""
    for explain in METHODS.values():
        explain(model, "good film")
    gc.freeze()  # what they brought stays; looking through it would slow every later collection
