"""What a translation took from the source and what from its own beginning, with what looks wrong about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.decoding import DecodingConfig
from models.errors import InputError, ModelError
from models.progress import Progress, no_progress
from models.translator import Translator
from xai.methods import translation_method
from xai.sequence_attribution import SequenceAttribution

TELLING = ("shap", "lime", "integrated_gradients", "occlusion")  # whose sign says whether the source speaks for a token
SUPPORT = 0.01  # a target token that the source supports by no more than this part of what moved it is written without it
EVEN_SHARES = 1.0  # a source token that speaks for no target token with at least so many even shares is left over


@dataclass(frozen=True)
class Contributions:
    """Shares of source and prefix in every target token (Voita et al. 2021; Ferrando et al. 2022), and what is out of the ordinary.

    Amounts do not tell a made-up token: a source that has nothing to do with it weighs as much, only against it. Signs do, so both
    warnings look at what speaks *for* a token. Only methods in TELLING warn: where the decoder looked and gradients at the text alone
    were found to say nothing of it.

    Attributes:
        target_tokens: The target tokens (or words).
        source_tokens: The source tokens (or words).
        source_shares: Part of the source in the absolute attribution of each target token (target,), 0-1; the rest is the prefix's. The
            first target token has no prefix and the share 1.
        support: What the source says for each target token less what it says against it, as a part of that whole (target,), -1 to 1.
        ignores_source: Whether a target token with a letter or digit has no more support than `threshold`: it may be made up (target,).
        threshold: Greatest support (-1 to 1) of a token that is warned of.
        touches: The largest part (0-1) of the source's attribution to one target token by which each source token speaks for it (source,).
        untouched: Whether that is under `touch_threshold` for a source token with a letter or digit: it may be left untranslated (source,).
        touch_threshold: The part that each source token would have if all had the same (0-1).
        warns: Whether the method is one that can tell; where it is not, nothing is flagged.
    """

    target_tokens: tuple[str, ...]
    source_tokens: tuple[str, ...]
    source_shares: np.ndarray
    support: np.ndarray
    ignores_source: np.ndarray
    threshold: float
    touches: np.ndarray
    untouched: np.ndarray
    touch_threshold: float
    warns: bool

    def __post_init__(self) -> None:
        """Raises ModelError when an array does not fit the tokens."""
        counts = dict.fromkeys(("source_shares", "support", "ignores_source"), len(self.target_tokens))
        for name, count in (counts | dict.fromkeys(("touches", "untouched"), len(self.source_tokens))).items():
            if getattr(self, name).shape != (count,):
                raise ModelError(f"The contributions have {name} of shape {getattr(self, name).shape}, expected ({count},).")


@dataclass(frozen=True)
class Calibration:
    """How well low support tells words written without the source, on translations forced upon sources they do not belong to.

    Attributes:
        threshold: Greatest support of a word that is warned of.
        caught: Part (0-1) of the words under an unrelated source that are warned of there.
        false_alarms: Part (0-1) of the words under their own source that are warned of there.
        words: Number of words looked at.
    """

    threshold: float
    caught: float
    false_alarms: float
    words: int


def contributions(attribution: SequenceAttribution, *, threshold: float = SUPPORT) -> Contributions:
    """Shares and warnings of an attribution; of words where it was merged by `words()`.

    Args:
        attribution: Of any method; `cross_attention` tells where the model looked, the others what moved it.
        threshold: Support up to which a target token is warned of; `calibrate` measures one.

    Raises:
        InputError: The threshold is out of range.
    """
    if not -1 <= threshold <= 1:
        raise InputError(f"The threshold is {threshold}, expected -1 to 1 (the default is {SUPPORT}).")
    warns = attribution.method in TELLING
    source, prefix = _amounts(attribution)
    amounts = np.abs(attribution.source_scores)
    touches = (np.maximum(attribution.source_scores, 0) / np.maximum(amounts.sum(1, keepdims=True), 1e-12)).max(0)
    told, even = support(attribution), EVEN_SHARES / len(touches)
    return Contributions(
        attribution.target_tokens, attribution.source_tokens, np.where(source + prefix > 0, source / np.maximum(source + prefix, 1e-12), 1.0), told,
        warns & _written(attribution.target_tokens) & (told <= threshold), threshold, touches,
        warns & _written(attribution.source_tokens) & (touches < even), even, warns,
    )


def support(attribution: SequenceAttribution) -> np.ndarray:
    """Sum of the source's scores over the absolute scores of source and prefix, by target token (target,), -1 to 1."""
    source, prefix = _amounts(attribution)
    return np.asarray(attribution.source_scores.sum(1) / np.maximum(source + prefix, 1e-12))


def calibrate(
    model: Translator, texts: Sequence[str], method: str, *, source_language: str, target_language: str, progress: Progress = no_progress,
    **settings: Any,
) -> Calibration:
    """Which support best tells the words of the model's own translations from the same words under a source they have nothing to do with.

    Args:
        model: The translator.
        texts: Sources that have little to do with each other.
        method: A name in TELLING.
        source_language, target_language: Languages, as in the model's scheme.
        progress: Called with (attributions done, all of them); may raise Cancelled.
        settings: Of the method.

    Raises:
        InputError: There are fewer than two texts, or the method cannot tell.
    """
    return separate(*supports(model, texts, method, source_language=source_language, target_language=target_language, progress=progress, **settings))


def supports(
    model: Translator, texts: Sequence[str], method: str, *, source_language: str, target_language: str, progress: Progress = no_progress,
    **settings: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Support of each word of the model's own translations under their sources, and under the next text's (words,), as in `calibrate`."""
    if len(texts) < 2 or method not in TELLING:
        raise InputError(f"{len(texts)} texts and the method {method} came, expected at least 2 texts and one of {', '.join(TELLING)}.")
    written = [translation.hypothesis for translation in model.translate(texts, source_language, target_language, decoding=DecodingConfig.best())]
    told: list[list[float]] = [[], []]
    pairs = [(side, source, text) for side, sources in enumerate((texts, [*texts[1:], texts[0]]))
             for source, text in zip(sources, written, strict=True) if text]
    for number, (side, source, text) in enumerate(pairs):
        found = translation_method(method)(
            model, source, text, source_language=source_language, target_language=target_language, **settings
        ).words()
        told[side] += support(found)[_written(found.target_tokens)].tolist()
        progress(number + 1, len(pairs))
    return np.array(told[0]), np.array(told[1])


def separate(own: np.ndarray, unrelated: np.ndarray, threshold: float | None = None) -> Calibration:
    """How often words up to a support are warned of; without one, the lowest where the difference is greatest (Youden 1950)."""
    candidates = np.unique(np.concatenate([own, unrelated])) if threshold is None else np.array([threshold])
    caught = np.array([(unrelated <= value).mean() for value in candidates])
    alarms = np.array([(own <= value).mean() for value in candidates])
    best = int((caught - alarms).argmax())
    return Calibration(float(candidates[best]), float(caught[best]), float(alarms[best]), len(own))


def _amounts(attribution: SequenceAttribution) -> tuple[np.ndarray, np.ndarray]:
    """Absolute scores of source and prefix, by target token (target,)."""
    source = np.abs(attribution.source_scores).sum(1)
    return source, np.zeros_like(source) if attribution.prefix_scores is None else np.abs(attribution.prefix_scores).sum(1)


def _written(tokens: Sequence[str]) -> np.ndarray:
    """Whether each token has a letter or digit; punctuation needs no source and may be left out (tokens,)."""
    return np.array([any(character.isalnum() for character in token) for token in tokens], dtype=bool)
