"""How a translator does in each culture of the translation probe, and how often it falls into the literal trap of an idiom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.translation_probe import TranslationSentence
from models.errors import InputError
from models.metrics import RESAMPLES
from models.progress import Progress, no_progress, part_of
from models.translation_metrics import TranslationMetrics, measure_translations

if TYPE_CHECKING:
    from models.translator import Translator


@dataclass(frozen=True)
class CultureTranslations:
    """One culture in one direction.

    Attributes:
        culture, direction: A locale tag, and languages such as zh-en.
        measured: BLEU, chrF and the others with intervals; its group is the culture.
        idioms, trapped: Sentences with an idiom, and how many of their hypotheses hold the words of the literal trap.
    """

    culture: str
    direction: str
    measured: TranslationMetrics
    idioms: int
    trapped: int


@dataclass(frozen=True)
class TranslationReport:
    """What a translator makes of the probe.

    Attributes:
        by_culture: One entry a culture and direction, sorted.
        sentences, hypotheses: What was translated, and into what (rows,).
    """

    by_culture: tuple[CultureTranslations, ...]
    sentences: tuple[TranslationSentence, ...]
    hypotheses: tuple[str, ...]


def measure_translation_cultures(
    model: Translator, sentences: Sequence[TranslationSentence], *, resamples: int = RESAMPLES, seed: int = 1, progress: Progress = no_progress
) -> TranslationReport:
    """Translates every sentence with the default search and measures each culture on its own.

    Raises:
        InputError: There is no sentence, or the model does not translate the languages of one.
        Cancelled: `progress` asked to stop.
    """
    from models.decoding import DecodingConfig

    if not sentences:
        raise InputError("There is no sentence to translate; give some in a direction of the model.")
    found: dict[int, str] = {}
    for pair in dict.fromkeys((s.source_language, s.target_language) for s in sentences):
        numbers = [number for number, s in enumerate(sentences) if (s.source_language, s.target_language) == pair]
        translations = model.translate([sentences[number].source for number in numbers], *pair, decoding=DecodingConfig.best(),
                                       progress=part_of(progress, len(found), len(sentences)))
        found.update(zip(numbers, (translation.hypothesis for translation in translations), strict=True))
    hypotheses = tuple(found[number] for number in range(len(sentences)))
    groups: dict[tuple[str, str, str], list[int]] = {}
    for number, s in enumerate(sentences):
        groups.setdefault((s.culture, s.source_language, s.target_language), []).append(number)
    measured = tuple(_culture(key, [(sentences[n], hypotheses[n]) for n in numbers], resamples, seed) for key, numbers in sorted(groups.items()))
    return TranslationReport(measured, tuple(sentences), hypotheses)


def in_trap(sentence: TranslationSentence, hypothesis: str) -> bool:
    """Whether a translation holds the words of the literal trap."""
    return bool(sentence.literal_trap) and sentence.literal_trap.casefold() in hypothesis.casefold()


def _culture(key: tuple[str, str, str], rows: Sequence[tuple[TranslationSentence, str]], resamples: int, seed: int) -> CultureTranslations:
    culture, source, target = key
    measured = measure_translations(culture, [hypothesis for _, hypothesis in rows], [s.reference for s, _ in rows], target, resamples=resamples, seed=seed)
    return CultureTranslations(culture, f"{source}-{target}", measured, sum(bool(s.literal_trap) for s, _ in rows),
                               sum(in_trap(s, hypothesis) for s, hypothesis in rows))
