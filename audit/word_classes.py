"""Which words of a text are identity terms, negation, emoji or stop words, by short lists of our own for some languages."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import regex

from audit.languages import guess_culture
from models.errors import InputError
from models.json_lines import check_fields, read_records

WORD_CLASSES_PATH = Path(__file__).resolve().parents[1] / "data" / "word_classes" / "word_classes.jsonl"
LISTED = ("identity", "negation", "stop_word")
EMOJI = "emoji"
WORD_CLASSES = (*LISTED[:2], EMOJI, LISTED[2])  # in the order in which they are shown

_UNSPACED_LANGUAGES = ("ja", "th", "zh")
_EMOJI = regex.compile(r"(?:[\p{Extended_Pictographic}--[©®™]]|\p{Regional_Indicator})[\p{M}\p{Emoji_Modifier}\u200d\U000E0020-\U000E007F]*", regex.V1)
_LANGUAGE = regex.compile(r"[a-z]{2,3}(?![A-Za-z])")


@dataclass(frozen=True)
class WordList:
    """Words of one class in one language.

    Attributes:
        id: Language, class and, of identity terms, the topic; e.g. en-identity-age.
        language: BCP-47.
        word_class: One of LISTED.
        words: As they are spelt; some are several words.
    """

    id: str
    language: str
    word_class: str
    words: tuple[str, ...]


@functools.lru_cache(maxsize=4)
def read_word_classes(path: Path = WORD_CLASSES_PATH) -> tuple[WordList, ...]:
    """All lists of a file in its order.

    Raises:
        InputError: The file is missing, a line is not a list with the right fields, or two have the same id.
    """
    return tuple(read_records(path, _read_list, what="a list of words"))


def row_language(tag: str, text: str) -> str | None:
    """The language whose lists a row is looked up in: the one a tag begins with, else the one the text seems to be in; None where that is unsure.

    Args:
        tag: Of the language, or the name of a culture such as de-AT. A code of a country in capitals is no language.
        text: The row's.
    """
    named = _LANGUAGE.match(tag)
    if named and named[0] in _languages():
        return str(named[0])
    return guess_culture(text, _languages())


def mark_words(text: str, spans: Sequence[tuple[int, int]], language: str | None) -> dict[str, np.ndarray]:
    """Whether each word is of each class (words,), by the name of the class; only emoji where the language has no lists.

    A word is of a class where an entry covers more than half of its characters. In Chinese, Japanese and Thai, whose words are pieces of the
    tokenizer, entries count that are one whole piece or several.

    Args:
        text: The spans point into it.
        spans: Characters of each word (words,), ascending.
        language: As `row_language` tells it.
    """
    found = {EMOJI: _covered(text, spans, (match.span() for match in _EMOJI.finditer(text)))}
    for name in LISTED if language in _languages() else ():
        parted = language not in _UNSPACED_LANGUAGES
        matches = (match.span() for match in _pattern(str(language), name).finditer(text)) if parted else _runs(text, spans, _entries(str(language), name))
        found[name] = _covered(text, spans, matches)
    return found


def _read_list(fields: dict[str, Any]) -> WordList:
    check_fields(fields, lists=("words",))
    words = WordList(**{**fields, "words": tuple(fields["words"])})
    if words.word_class not in LISTED:
        raise InputError(f"has the class {words.word_class!r}, expected one of {', '.join(LISTED)}.")
    return words


@functools.cache
def _languages() -> tuple[str, ...]:
    return tuple(dict.fromkeys(words.language for words in read_word_classes()))


@functools.cache
def _entries(language: str, word_class: str) -> frozenset[str]:
    return frozenset(word for words in read_word_classes() if (words.language, words.word_class) == (language, word_class) for word in words.words)


@functools.cache
def _pattern(language: str, word_class: str) -> Any:
    """An entry between characters that belong to no word, the longest where several begin."""
    entries = sorted(_entries(language, word_class), key=len, reverse=True)
    spelt = "|".join(regex.escape(word, literal_spaces=True).replace("'", "['’]").replace(" ", r"\s+") for word in entries)
    return regex.compile(rf"(?<![\p{{L}}\p{{M}}\p{{N}}])(?:{spelt})(?![\p{{L}}\p{{M}}\p{{N}}])", regex.IGNORECASE)


def _runs(text: str, spans: Sequence[tuple[int, int]], entries: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Where one word or several in a row are an entry."""
    longest = max(map(len, entries))
    for first, (start, _) in enumerate(spans):
        for _, end in spans[first:]:
            if end - start > longest:
                break
            if text[start:end] in entries:
                yield start, end


def _covered(text: str, spans: Sequence[tuple[int, int]], matches: Iterable[tuple[int, int]]) -> np.ndarray:
    inside = np.zeros(len(text) + 1)
    for start, end in matches:
        inside[start:end] = 1
    before = np.concatenate([[0], inside.cumsum()])
    return np.array([2 * (before[end] - before[start]) > end - start for start, end in spans], dtype=bool)
