"""A source with a translation the decoder is made to write: what every method on translators explains."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from models.errors import InputError
from models.progress import Progress, no_progress
from models.tokens import TokenizedText
from models.translator import Translator
from xai.sequence_attribution import LOG_PROBABILITY, SequenceAttribution


@dataclass(frozen=True)
class ForcedPair:
    """Source and target ids as the model sees them; the decoder is forced to write the target.

    Attributes:
        model: The translator.
        source, target: Both texts; offsets and positions of the target are those of the explained tokens.
        source_language, target_language: Languages, as in the model's scheme.
    """

    model: Translator
    source: TokenizedText
    target: TokenizedText
    source_language: str
    target_language: str


@dataclass(frozen=True)
class SequenceScores:
    """What a method finds for chosen target tokens; the attributes are those of `SequenceAttribution`, by row (rows, …)."""

    source_scores: np.ndarray
    prefix_scores: np.ndarray | None
    values: np.ndarray
    base_values: np.ndarray
    evaluations: int
    convergence_delta: np.ndarray | None = None
    r_squared: np.ndarray | None = None
    baseline: str = "none"
    output: str = LOG_PROBABILITY
    parameters: dict[str, Any] = field(default_factory=dict)


SequenceMethod = Callable[..., SequenceScores]
"""One method on a forced pair: `method(pair, rows, *, seed, progress, **settings)` gives the scores of the target tokens `rows`."""


class SequenceExplain(Protocol):
    """One method as people call it."""

    def __call__(
        self, model: Translator, text: str, hypothesis: str | None = None, *, source_language: str, target_language: str, seed: int = 0,
        progress: Progress = no_progress, **settings: Any,
    ) -> SequenceAttribution:
        """The attribution of every target token."""


def force(model: Translator, text: str, hypothesis: str | None = None, *, source_language: str, target_language: str) -> ForcedPair:
    """The text with a translation: the given one, or the model's own best one.

    Raises:
        InputError: A text is empty, the model does not translate this pair, or its own translation is empty.
    """
    if hypothesis is None:
        own = model.translate([text], source_language, target_language)[0]
        if not own.hypothesis:
            raise InputError(f"{model.name} translates this text to nothing; give a translation to explain.", key="empty-translation")
        return ForcedPair(model, own.source, own.target, source_language, target_language)
    source = model.tokenize_source(text, source_language, target_language)
    target = model.tokenize_target(hypothesis, source_language, target_language)
    return ForcedPair(model, source, target, source_language, target_language)


def explaining(name: str, method: SequenceMethod) -> SequenceExplain:
    """The method as a function of a translator and its texts."""

    def explain(
        model: Translator, text: str, hypothesis: str | None = None, *, source_language: str, target_language: str, seed: int = 0,
        progress: Progress = no_progress, **settings: Any,
    ) -> SequenceAttribution:
        started = time.perf_counter()
        pair = force(model, text, hypothesis, source_language=source_language, target_language=target_language)
        found = method(pair, range(len(pair.target.offsets)), seed=seed, progress=progress, **settings)
        progress(found.evaluations, found.evaluations)  # equal masks are evaluated once, so there may have been less to do than expected
        return SequenceAttribution(
            method=name, source=pair.source, target=pair.target, source_language=source_language, target_language=target_language,
            source_scores=found.source_scores, prefix_scores=found.prefix_scores, values=found.values, base_values=found.base_values,
            convergence_delta=found.convergence_delta, evaluations=found.evaluations, seconds=time.perf_counter() - started,
            output=found.output, r_squared=found.r_squared, baseline=found.baseline, parameters={"seed": seed, **found.parameters},
        )

    explain.__doc__ = f"{(method.__doc__ or '').strip()}\n\nThe translation is the given `hypothesis`, or the model's own best one."
    explain.__name__ = f"explain_{name}"
    return explain


def earlier(rows: Sequence[int], count: int) -> np.ndarray:
    """Whether a target token comes before the one explained in a row (rows, target)."""
    return np.arange(count) < np.array(rows, dtype=int)[:, None]


