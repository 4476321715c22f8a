"""Is a text in the language its corpus says? By script always, by a language identifier where it is sure."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

import langcodes
import regex

from models.errors import CorpusError

# ISO 15924 code of the script a language is written in when its tag names none.
_SCRIPTS = {
    "ar": "Arab", "arq": "Arab", "ary": "Arab", "fa": "Arab", "ur": "Arab", "he": "Hebr", "hi": "Deva", "mr": "Deva",
    "bn": "Beng", "th": "Thai", "am": "Ethi", "ti": "Ethi", "ru": "Cyrl", "uk": "Cyrl", "kk": "Cyrl", "tt": "Cyrl",
    "zh": "Hani", "ja": "Jpan", "ko": "Kore", "el": "Grek",
}
_PATTERNS = {
    "Arab": r"\p{Arabic}", "Hebr": r"\p{Hebrew}", "Deva": r"\p{Devanagari}", "Beng": r"\p{Bengali}", "Thai": r"\p{Thai}",
    "Ethi": r"\p{Ethiopic}", "Cyrl": r"\p{Cyrillic}", "Hani": r"\p{Han}", "Jpan": r"[\p{Han}\p{Hiragana}\p{Katakana}]",
    "Kore": r"[\p{Hangul}\p{Han}]", "Grek": r"\p{Greek}", "Latn": r"\p{Latin}",
}
# Written in Latin letters by many of their speakers: tweets in them are not wrong.
_OFTEN_LATIN = {"hi", "arq", "ary", "ar", "kk", "ur", "sr"}
# The identifier tells these apart well; the rest is close to a neighbour, mixed with it, or unknown to it.
_IDENTIFIED = {"en", "de", "fr", "it", "es", "pt", "nl", "fi", "hu", "pl", "tr", "ro", "vi", "id", "ru", "el"}
_SINGLE_SCRIPTS = ("Arab", "Hebr", "Deva", "Beng", "Thai", "Ethi", "Cyrl", "Hani", "Grek", "Latn")
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_HANGUL = regex.compile(r"\p{Hangul}")
_LETTER = regex.compile(r"\p{L}")
_MASK = regex.compile(r"@\w+|#\w+|https?\S*")
MINIMUM_LETTERS = 60
CONFIDENCE = 0.995


@functools.cache
def normalize_language(tag: str) -> str:
    """The BCP-47 tag in its standard form.

    Raises:
        CorpusError: The tag is not one.
    """
    try:
        standard = langcodes.standardize_tag(tag)
    except langcodes.LanguageTagError as error:
        raise CorpusError(f"{tag!r} is not a language tag; use one such as de, pt-MZ or zh-CN.") from error
    return str(standard)


def language_reason(text: str, language: str) -> str:
    """ "script" or "language" where a text is surely not in its declared language, else ""."""
    letters = _LETTER.findall(_MASK.sub(" ", text))
    if len(letters) < 4:
        return ""
    primary = language.split("-")[0]
    script = language.split("-")[1] if "-" in language and len(language.split("-")[1]) == 4 else _SCRIPTS.get(primary, "Latn")
    own = len(_pattern(script).findall("".join(letters)))
    if primary not in _OFTEN_LATIN and own < 0.2 * len(letters):
        return "script"
    if primary in _IDENTIFIED and len(letters) >= MINIMUM_LETTERS and own > 0.8 * len(letters):
        found, confidence = _identifier().classify(_MASK.sub(" ", text))
        if found != primary and found in _IDENTIFIED and confidence >= CONFIDENCE:
            return "language"
    return ""


@functools.cache
def _pattern(script: str) -> Any:
    if script not in _PATTERNS:
        raise CorpusError(f"The script {script} is not known to the language check; known are {', '.join(_PATTERNS)}.")
    return regex.compile(_PATTERNS[script])


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted(_IDENTIFIED))
    return identifier


def text_script(text: str) -> str:
    """ISO 15924 code of the script most letters of a text are in, "" without letters.

    Kana stands for Japanese: its Han letters count for it as soon as one kana occurs, and kana count twice.
    """
    counts = Counter[str]()
    for character, count in Counter(text).items():
        counts[_script(character)] += count
    del counts[""]
    if counts["Kana"]:
        counts["Kana"] = counts["Hani"] + 2 * counts["Kana"]
    return max((*_SINGLE_SCRIPTS, "Kana", "Hang"), key=counts.__getitem__) if counts.total() else ""


@functools.cache
def _script(character: str) -> str:
    """Script of one character among those that a text is told to be in, else ""."""
    if _KANA.match(character):
        return "Kana"
    if _HANGUL.match(character):
        return "Hang"
    return next((script for script in _SINGLE_SCRIPTS if _pattern(script).match(character)), "")
