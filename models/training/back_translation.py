"""Pairs whose source a model has written (Sennrich et al. 2016): real sentences of the target language, translated back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from models.decoding import DecodingConfig
from models.errors import ConfigError
from models.loading import load_translator
from models.progress import Progress, no_progress, part_of

DATASET = "back-translation"


@dataclass(frozen=True)
class BackTranslationConfig:
    """Settings of the back-translation stage."""

    model: str = ""  # name or folder of a model that translates from the target language to the source language; "" = no such pairs
    directions: tuple[str, ...] = ()  # directions that get them, e.g. zh-en
    pairs: int = 10_000  # most for each direction
    num_beams: int = 1

    def __post_init__(self) -> None:
        """Raises ConfigError for a model without directions."""
        if self.model and not self.directions:
            raise ConfigError("back_translation has a model and no directions; name those that should get its pairs, such as zh-en.")


def back_translate(pairs: Iterable[dict[str, Any]], config: BackTranslationConfig, progress: Progress = no_progress) -> Iterator[dict[str, Any]]:
    """Training pairs made of target-language sentences that have no translation in the source language, and what the model makes of them.

    Raises:
        ConfigError: There is no such sentence for a direction.
        CheckpointError: The model cannot be loaded.
        InputError: It does not translate the other way.
    """
    translator = load_translator(config.model)
    table = [pair for pair in pairs if pair["split"] == "train"]
    for number, direction in enumerate(config.directions):
        source, target = direction.split("-")
        texts = untranslated(table, source, target)[: config.pairs]
        if not texts:
            raise ConfigError(f"There is no {target} sentence without a {source} translation; take {direction} out of back_translation.")
        found = translator.translate([text for text, _ in texts], target, source, decoding=DecodingConfig(config.num_beams, 1),
                                     progress=part_of(progress, number * config.pairs, len(config.directions) * config.pairs))
        for (text, pair), translation in zip(texts, found, strict=True):
            if translation.hypothesis and not translation.repeated and not translation.unfinished:
                yield {**pair, "source": translation.hypothesis, "target": text, "source_language": source, "target_language": target, "dataset": DATASET}


def untranslated(table: Iterable[dict[str, Any]], source: str, target: str) -> list[tuple[str, dict[str, Any]]]:
    """Sentences of the target language that are in no pair with the source language, each once, with the pair they come from."""
    known: set[str] = set()
    found: dict[str, dict[str, Any]] = {}
    for pair in table:
        languages = {pair["source_language"]: pair["source"], pair["target_language"]: pair["target"]}
        if target in languages and source in languages:
            known.add(languages[target])
        elif target in languages:
            found.setdefault(languages[target], pair)
    return [(text, pair) for text, pair in found.items() if text not in known]
