"""What an importer yields: examples and faults."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

LABELS = ("negative", "neutral", "positive")
COLUMNS = ("text", "label", "language", "culture", "domain", "dataset", "split", "licence", "document", "position")


@dataclass(frozen=True, slots=True)
class Example:
    """One text of a corpus.

    Attributes:
        text: As it stands in the corpus.
        label: One of LABELS, or "" for text that serves pre-training only.
        language: BCP-47 tag, e.g. pt, arq, mr-Latn.
        culture: Locale tag such as pt-MZ, or the language tag where the corpus names no country.
        domain: tweets, reviews, subtitles ...; ends in "-emotion" where the label was mapped from emotions.
        split: train, validation or test.
        document: Identifier of the ordered dialogue or document the text is part of, or "".
        position: Place in the document, counted from 0.
        item: Key of content that stands in several languages, or ""; not a column of the table.
    """

    text: str
    label: str
    language: str
    culture: str
    domain: str
    dataset: str
    split: str
    licence: str
    document: str = ""
    position: int = 0
    item: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that could not be read: where, and why."""

    dataset: str
    file: str
    line: int
    reason: str


def held_out_split(text: str) -> str:
    """Split for a corpus that has none: a tenth, chosen by the SHA-256 of the text, is validation."""
    return "validation" if int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:4]) % 10 == 0 else "train"
