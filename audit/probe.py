"""The culture probe set: sentences written for this project, with label, culture and phenomena."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.json_lines import check_fields, read_records

PROBE_PATH = Path(__file__).resolve().parents[1] / "data" / "culture_probe" / "sentiment.jsonl"
LABELS = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class ProbeSentence:
    """One sentence of the set.

    Attributes:
        id: Culture and number, e.g. zh-CN-07.
        text, gloss: The sentence, and what it says in English.
        label: negative, neutral or positive.
        language, culture: BCP-47 tags.
        scenario: What it is about; every culture has each scenario under each label.
        phenomena: What makes it hard, e.g. irony.
    """

    id: str
    text: str
    label: str
    language: str
    culture: str
    scenario: str
    gloss: str
    phenomena: tuple[str, ...]


@functools.lru_cache(maxsize=4)
def read_probe(path: Path = PROBE_PATH) -> tuple[ProbeSentence, ...]:
    """All sentences of a probe file in its order.

    Raises:
        InputError: The file is missing, a line is not a sentence with the right fields, or two have the same id.
    """
    return tuple(read_records(path, _read_sentence, what="a probe sentence"))


def _read_sentence(fields: dict[str, Any]) -> ProbeSentence:
    check_fields(fields, lists=("phenomena",))
    sentence = ProbeSentence(**{**fields, "phenomena": tuple(fields["phenomena"])})
    if sentence.label not in LABELS:
        raise InputError(f"has the label {sentence.label!r}, expected one of {', '.join(LABELS)}.")
    return sentence
