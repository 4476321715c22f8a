"""Errors of translations that can be told without reading them: untranslated, repeated, too short or long, numbers and names lost, wrong language."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

import langcodes
import numpy as np
import regex

from models.data.language import language_reason, normalize_language
from models.errors import CorpusError, InputError
from models.repetition import repeated_span

KEPT = 0.6  # share of the source's words that stand untranslated in the hypothesis: most, and more than cognates and names make up
LENGTHS = (0.5, 2.0)  # of a hypothesis to its reference; free translations of whole sentences stay within
SLACK = 3  # words (characters in unspaced scripts) added to both lengths, so that "Yes." for "Yes, of course." is no error
NAME_LETTERS = 2  # of the shortest name; one letter is an initial or English "I"
SCRIPT_LETTERS = 4  # of the shortest hypothesis whose script is judged
OWN_SCRIPT = 0.2  # share of letters in the target's script below which a text is in another; foreign names alone stay above

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"[{_UNSPACED}]|[\p{{L}}--[{_UNSPACED}]][[\p{{L}}\p{{M}}'’\-]--[{_UNSPACED}]]*|\p{{Nd}}+", regex.V1)
_LETTER = regex.compile(r"\p{L}")
_TOKEN = {"own": regex.compile(r"\p{L}[\p{L}\p{M}\p{Nd}]*"), "latin": regex.compile(r"\p{Latin}[\p{Latin}\p{M}\p{Nd}]*")}
_SENTENCE_END = regex.compile(r"[.!?…:;¡¿\n。！？]")
_DIGIT = regex.compile(r"\p{Nd}")
_NUMBER = regex.compile(r"([0-9]+(?:[.,٫٬'’][0-9]+|[ \u00a0\u2009\u202f，][0-9]{3}(?![0-9]))*)([万萬만亿億억]?)")
_MARK = regex.compile(r"[^0-9]")
_DECIMAL_MARKS = ".,٫"
_ZEROS = {"": 0, **dict.fromkeys("万萬만", 4), **dict.fromkeys("亿億억", 8)}  # ten thousand and a hundred million
_SCRIPTS = {"Hans": r"\p{Han}", "Hant": r"\p{Han}", "Jpan": r"[\p{Han}\p{Hiragana}\p{Katakana}]", "Kore": r"[\p{Hangul}\p{Han}]"}


@dataclass(frozen=True)
class Translations:
    """Columns of a table of translations, each (rows,)."""

    sources: Sequence[str]
    hypotheses: Sequence[str]
    references: Sequence[str]
    source_languages: Sequence[str]
    target_languages: Sequence[str]

    def __post_init__(self) -> None:
        """Raises InputError for columns of different lengths."""
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise InputError(f"The columns have {', '.join(f'{count} {name}' for name, count in lengths.items())}; give one of each for every row.")

    def take(self, rows: np.ndarray) -> Translations:
        """Only some rows, by their numbers."""
        return Translations(**{field.name: [getattr(self, field.name)[row] for row in rows.tolist()] for field in fields(self)})


@dataclass(frozen=True)
class Check:
    """One check of every row.

    Attributes:
        applies: Whether the row can fail it (rows,); a row without a number cannot lose one.
        failed: Whether it does (rows,); False where it does not apply.
    """

    applies: np.ndarray
    failed: np.ndarray

    def __post_init__(self) -> None:
        """Raises InputError for a row that fails what does not apply to it."""
        if self.applies.shape != self.failed.shape or (self.failed & ~self.applies).any():
            raise InputError(f"A check applies to rows {self.applies.shape} and failed in rows {self.failed.shape}, expected the same rows, and no failure "
                             "where it does not apply.")


@dataclass(frozen=True)
class _Row:
    hypothesis: str
    reference: str
    source: str
    source_language: str
    target_language: str
    said: list[str]  # words of the hypothesis, the reference and the source
    expected: list[str]
    given: list[str]


def check_translations(rows: Translations) -> dict[str, Check]:
    """Every check of every row, under the names of CHECKS. The reference decides what a check may ask of a row.

    untranslated: the hypothesis holds most of the source's words as they stood; words that the reference keeps too do not count.
    repeated: the same words three times in a row or more, longer than any such run in source and reference.
    length: the ratio of the lengths of hypothesis and reference is outside LENGTHS.
    number: a number that source and reference share is missing; digits of all scripts and separators of all customs are read alike.
    name: a name that source and reference share letter by letter is missing.
    wrong_language: the script is not the target's, or the identifier is sure of another language (`models.data.language`).

    Raises:
        InputError: A language is no tag.
    """
    columns = zip(rows.sources, rows.hypotheses, rows.references, rows.source_languages, rows.target_languages, strict=True)
    judged = []
    for source, hypothesis, reference, source_language, target_language in columns:
        row = _Row(hypothesis, reference, source, standard_language(source_language), standard_language(target_language),
                   _words(hypothesis), _words(reference), _words(source))
        judged.append([check(row) for check in CHECKS.values()])
    return {name: Check(np.array([row[place] is not None for row in judged], dtype=bool), np.array([bool(row[place]) for row in judged], dtype=bool))
            for place, name in enumerate(CHECKS)}


@functools.cache
def standard_language(tag: str) -> str:
    """The BCP-47 tag in its standard form, e.g. zh-TW for zh_tw.

    Raises:
        InputError: It is no tag.
    """
    try:
        return normalize_language(tag)
    except CorpusError as error:
        raise InputError(str(error)) from error


def read_numbers(text: str) -> list[frozenset[Decimal]]:
    """What each number written in digits may mean, in their order: "1,234" is 1234 in English and 1.234 in German."""
    plain = text if text.isascii() else _DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), text).replace("．", ".")
    return [reading for written, unit in _NUMBER.findall(plain) for reading in _readings(written, _ZEROS[unit])]


def _readings(written: str, zeros: int) -> list[frozenset[Decimal]]:
    """One set for a number; one for each part of what is no single number, such as a date."""
    parts, marks = _MARK.split(written), _MARK.findall(written)
    found = []
    if _in_thousands(parts) and len(set(marks)) <= 1 and "٫" not in marks and not (marks and parts[0] == "0"):
        found.append("".join(parts))
    if marks and marks[-1] in _DECIMAL_MARKS and marks[-1] not in marks[:-1] and len(set(marks[:-1])) <= 1 and _in_thousands(parts[:-1]):
        found.append("".join(parts[:-1]) + "." + parts[-1])
    if not found:
        return [frozenset({Decimal(part)}) for part in parts]
    return [frozenset(Decimal(f"{number}e{zeros}") for number in found)]


def _in_thousands(parts: Sequence[str]) -> bool:
    """Whether digits are parted as 1,234,567 or, in India, 12,34,567; whole numbers are."""
    if len(parts) == 1:
        return True
    lengths = [len(part) for part in parts]
    return lengths[-1] == 3 and ((lengths[0] <= 3 and set(lengths[1:]) == {3}) or (lengths[0] <= 2 and set(lengths[1:-1]) == {2}))


def _words(text: str) -> list[str]:
    """Words and numbers without regard to case; single characters of scripts that are written without spaces."""
    return [str(word) for word in _WORD.findall(text.casefold())]


def _is_untranslated(row: _Row) -> bool | None:
    kept = set(row.expected)
    changing = [word for word in row.given if word not in kept and not word[0].isdecimal()]
    if not changing:
        return None
    said = set(row.said)
    return sum(word in said for word in changing) >= KEPT * len(changing)


def _is_repeated(row: _Row) -> bool:
    places = [(number, number + 1) for number in range(len(row.said))]
    return repeated_span(row.said, places) is not None and all(repeated_span(row.said, places, other) for other in (row.given, row.expected))


def _has_wrong_length(row: _Row) -> bool | None:
    if not row.expected:
        return None
    return not row.said or not LENGTHS[0] <= (len(row.said) + SLACK) / (len(row.expected) + SLACK) <= LENGTHS[1]


def _loses_number(row: _Row) -> bool | None:
    expected = read_numbers(row.reference)
    wanted = [common for number in read_numbers(row.source) if (common := number & frozenset().union(*expected))]
    if not wanted:
        return None
    said = frozenset().union(*read_numbers(row.hypothesis))
    return any(not number & said for number in wanted)


def _loses_name(row: _Row) -> bool | None:
    """Between languages of one script a name has a capital within a sentence on both sides; else any Latin word that a reference keeps is one."""
    same = _script(row.source_language) == _script(row.target_language)
    names = _names(row.source, capital=same) & _names(row.reference, capital=same)
    if not names:
        return None
    said = [token.casefold() for token in _TOKEN["own" if same else "latin"].findall(row.hypothesis)]
    return any(not any(token.startswith(name.casefold()) for token in said) for name in names)  # "Annas" holds Anna


def _names(text: str, *, capital: bool) -> set[str]:
    found, end = set(), 0
    for match in _TOKEN["own" if capital else "latin"].finditer(text):
        begins = not end or _SENTENCE_END.search(text, end, match.start())
        end = match.end()
        if len(match[0]) >= NAME_LETTERS and not (capital and (begins or not match[0][0].isupper())):
            found.add(match[0])
    return found


def _is_wrong_language(row: _Row) -> bool | None:
    pattern, language = _script_pattern(_script(row.target_language)), row.target_language.split("-")[0]
    letters = _LETTER.findall(row.hypothesis)
    if pattern is None or len(letters) < SCRIPT_LETTERS or not _is_written_in(row.reference, pattern):
        return None
    if not _is_written_in(row.hypothesis, pattern):
        return True
    return language_reason(row.hypothesis, language) == "language" and language_reason(row.reference, language) != "language"


def _is_written_in(text: str, pattern: Any) -> bool:
    letters = "".join(_LETTER.findall(text))
    return bool(letters) and len(pattern.findall(letters)) >= OWN_SCRIPT * len(letters)


@functools.cache
def _script(language: str) -> str:
    """ISO 15924 code of the script that a language is usually written in, or of the one its tag names."""
    return str(langcodes.Language.get(language).maximize().script)


@functools.cache
def _script_pattern(script: str) -> Any:
    """Matches the letters of a script; None where Unicode has no such script."""
    try:
        return regex.compile(_SCRIPTS.get(script, rf"\p{{Script={script}}}"))
    except regex.error:
        return None


CHECKS: dict[str, Callable[[_Row], bool | None]] = {
    "untranslated": _is_untranslated, "repeated": _is_repeated, "length": _has_wrong_length, "number": _loses_number, "name": _loses_name,
    "wrong_language": _is_wrong_language}
