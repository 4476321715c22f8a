"""Which culture a text most likely comes from, for choosing what to compare it with."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from models.data.language import text_script

# Where one script is written by one of the measured languages, the script decides; a guesser needs more text.
_BY_SCRIPT = {"Hang": "ko", "Kana": "ja", "Hani": "zh", "Thai": "th", "Hebr": "he", "Ethi": "am", "Deva": "hi", "Grek": "el", "Beng": "bn"}
# A guesser that knows the measured languages only takes every other language of the script for one of them.
_NEIGHBOURS = {
    "Latn": ("cs", "de", "en", "es", "fi", "fr", "hu", "id", "it", "nl", "pl", "pt", "ro", "sv", "sw", "tr", "vi"),
    "Arab": ("ar", "fa", "ps", "ur"), "Cyrl": ("be", "bg", "kk", "mk", "ru", "sr", "uk"),
}
CONFIDENCE = 0.5


def guess_culture(text: str, cultures: Sequence[str]) -> str | None:
    """The first measured culture of the language the text seems to be in, or None where that is unsure.

    Args:
        text: What a person typed.
        cultures: Locale tags such as zh-CN; the first of a language stands for it.
    """
    languages = {culture.split("-")[0]: culture for culture in reversed(cultures)}
    script = text_script(text)
    if script not in _NEIGHBOURS:
        return languages.get(_BY_SCRIPT.get(script, ""))
    identifier = _identifier(tuple(sorted({*languages, *_NEIGHBOURS[script]})))
    language, confidence = identifier.classify(text)
    return languages.get(language) if confidence >= CONFIDENCE else None


@functools.lru_cache(maxsize=6)  # one a script and set of measured cultures
def _identifier(languages: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    known = set(identifier.nb_classes)
    identifier.set_languages([language for language in languages if language in known])
    return identifier
