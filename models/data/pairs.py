"""What an importer of parallel text yields: pairs of a sentence and its translation."""

from __future__ import annotations

from dataclasses import dataclass

PAIR_COLUMNS = ("source", "target", "source_language", "target_language", "culture", "domain", "dataset", "split", "licence", "document",
                "position")


@dataclass(frozen=True, slots=True)
class Pair:
    """One sentence and its translation, in the direction it was translated in (from English where a corpus does not say).

    Attributes:
        source: As it stands in the corpus.
        target: Its translation by people.
        source_language: BCP-47 tag, e.g. en, zh, bbc.
        target_language: BCP-47 tag.
        culture: Locale tag of the side that is not English, such as zh-CN, zh-TW or cs-CZ.
        domain: captions, subtitles, sentences, news, wikipedia, spoken, reviews or mixed.
        split: train, validation or test.
        document: Identifier of the ordered dialogue or document the pair is part of, or "".
        position: Place in the document, counted from 0.
    """

    source: str
    target: str
    source_language: str
    target_language: str
    culture: str
    domain: str
    dataset: str
    split: str
    licence: str
    document: str = ""
    position: int = 0
