"""Text from strangers: cleaned at the border, refused with one sentence, never changed more than needed."""

from __future__ import annotations

import unicodedata

import regex

from models.errors import InputError

MAX_CHARACTERS = 20_000
_CONTROL = regex.compile(r"[\p{Cc}--[\t\n\r]]", regex.V1)
_VISIBLE = regex.compile(r"[\p{L}\p{N}\p{S}\p{P}]")
_MARKS = {
    "\u200b": "ZWSP", "\u200c": "ZWNJ", "\u200d": "ZWJ", "\u200e": "LRM", "\u200f": "RLM", "\u2060": "WJ", "\ufeff": "BOM",
    "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI",
    "\u2068": "FSI", "\u2069": "PDI", "\u00ad": "SHY",
}
# Joiners inside emoji, Arabic-script and Indic words are spelling, not tricks.
_NEEDED = {"\u200c", "\u200d"}


def clean_text(text: str) -> str:
    """The text without lone surrogates, NUL and control characters, in NFC; nothing else changes."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", _CONTROL.sub("", whole))


def check_text(text: str, *, max_characters: int = MAX_CHARACTERS) -> str:
    """The cleaned text, cut to `max_characters` before anything slow looks at it.

    Raises:
        InputError: It is not a string, or holds nothing that can be seen.
    """
    if not isinstance(text, str):
        raise InputError(f"The text is {type(text).__name__}, expected a string; give one sentence or a few.")
    cleaned = clean_text(text[: 4 * max_characters])[:max_characters]
    if not cleaned.strip():
        raise InputError("The text is empty; type or choose a sentence.", key="text-empty")
    if not _VISIBLE.search(cleaned):
        raise InputError("The text has no visible character; type or choose a sentence.", key="text-invisible")
    return cleaned


def hidden_characters(text: str) -> list[str]:
    """Names of direction and zero-width characters in the text, in order, for showing to the reader."""
    return [_MARKS[character] for character in text if character in _MARKS and character not in _NEEDED]


def visible_marks(text: str) -> str:
    """The text with direction and zero-width characters shown as marks such as ⟦RLO⟧."""
    return "".join(
        f"⟦{_MARKS[character]}⟧" if character in _MARKS and character not in _NEEDED else character for character in text
    )
