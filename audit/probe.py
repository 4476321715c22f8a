"""The culture probe set: sentences written for this project, with label, culture and phenomena."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import InputError

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
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"The probe set {path} cannot be read ({error.strerror}); restore it from the repository.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The probe set {path} is not UTF-8 (byte {error.start}); restore it from the repository.") from error
    sentences: dict[str, ProbeSentence] = {}
    for number, line in enumerate(lines, 1):
        try:
            sentence = _read_sentence(json.loads(line))
        except (json.JSONDecodeError, TypeError, KeyError) as error:
            raise InputError(f"{path.name} line {number} is not a probe sentence ({error}); mend the line.") from error
        if sentence.label not in LABELS:
            raise InputError(f"{path.name} line {number} has the label {sentence.label!r}, expected one of {', '.join(LABELS)}.")
        if sentence.id in sentences:
            raise InputError(f"{path.name} line {number} has the id {sentence.id!r} of a line before it; give every sentence its own.")
        sentences[sentence.id] = sentence
    return tuple(sentences.values())


def _read_sentence(fields: dict[str, Any]) -> ProbeSentence:
    phenomena = fields["phenomena"]
    wrong = [name for name, value in fields.items() if name != "phenomena" and not isinstance(value, str)]
    if wrong or not isinstance(phenomena, list):
        name = wrong[0] if wrong else "phenomena"
        raise TypeError(f"{name} is {type(fields[name]).__name__}, expected {'a list' if name == 'phenomena' else 'a string'}")
    return ProbeSentence(**{**fields, "phenomena": tuple(phenomena)})
