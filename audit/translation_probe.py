"""The culture probe set for translation: sentences written for this project, each with a reference and what makes it hard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.probe import PROBE_PATH
from models.errors import InputError
from models.json_lines import check_fields, read_records

TRANSLATION_PROBE_PATH = PROBE_PATH.with_name("translation.jsonl")
PHENOMENA = ("idiom", "honorific", "kinship", "food", "holiday", "unit", "name_order", "gender", "politeness", "sarcasm")


@dataclass(frozen=True)
class TranslationSentence:
    """One sentence of the set.

    Attributes:
        id: Culture and number, e.g. zh-CN-07.
        source, reference: The sentence and its translation.
        source_language, target_language: BCP-47 language codes.
        culture: Locale tag of the culture whose life the sentence is about; its language is the source's or the target's.
        phenomena: What makes it hard, at least one of `PHENOMENA`.
        literal_trap: Words of the target language that stand in a word-for-word translation of the idiom; "" without an idiom.
        note: What a reader without the culture should know, in English, or "".
    """

    id: str
    source: str
    reference: str
    source_language: str
    target_language: str
    culture: str
    phenomena: tuple[str, ...]
    literal_trap: str = ""
    note: str = ""


def read_translation_probe(path: Path = TRANSLATION_PROBE_PATH) -> list[TranslationSentence]:
    """All sentences of a translation probe file in its order.

    Raises:
        InputError: The file is missing, a line is not a sentence with the right fields, or two have the same id.
    """
    return read_records(path, _read_sentence, what="a translation sentence")


def _read_sentence(fields: dict[str, Any]) -> TranslationSentence:
    check_fields(fields, lists=("phenomena",))
    sentence = TranslationSentence(**{**fields, "phenomena": tuple(fields["phenomena"])})
    _check_texts(sentence)
    _check_phenomena(sentence)
    return sentence


def _check_texts(sentence: TranslationSentence) -> None:
    for name in ("source", "reference"):
        if not getattr(sentence, name).strip():
            raise InputError(f"has an empty {name}, expected a sentence; write it or take the line out.")
    languages = (sentence.source_language, sentence.target_language)
    if languages[0] == languages[1]:
        raise InputError(f"has the language {languages[0]!r} on both sides, expected two; mend source_language or target_language.")
    if sentence.culture.split("-")[0] not in languages:
        raise InputError(f"has the culture {sentence.culture!r}, expected one whose language is {' or '.join(languages)}.")


def _check_phenomena(sentence: TranslationSentence) -> None:
    wrong = [tag for tag in sentence.phenomena if tag not in PHENOMENA]
    if wrong or not sentence.phenomena:
        came = f"the phenomenon {wrong[0]!r}" if wrong else "no phenomenon"
        raise InputError(f"has {came}, expected at least one of {', '.join(PHENOMENA)}.")
    if len(set(sentence.phenomena)) < len(sentence.phenomena):
        raise InputError(f"names a phenomenon twice in {', '.join(sentence.phenomena)}; name each once.")
    if ("idiom" in sentence.phenomena) != bool(sentence.literal_trap.strip()):
        raise InputError(f"has the literal_trap {sentence.literal_trap!r}, expected one exactly where idiom is among the phenomena; mend one of the two.")
    if sentence.literal_trap and sentence.literal_trap.casefold() in sentence.reference.casefold():
        raise InputError(f"has the literal_trap {sentence.literal_trap!r} in its own reference, so a right translation would fall into it; choose another.")
