"""Repair of a corpus text, and the reasons for which one is left out."""

from __future__ import annotations

import regex
from ftfy import TextFixerConfig, fix_text

# Only what is broken is repaired; what people typed (quotes, widths, ligatures) stays.
_REPAIR = TextFixerConfig(
    unescape_html="auto", remove_terminal_escapes=True, fix_encoding=True, restore_byte_a0=True, replace_lossy_sequences=True,
    decode_inconsistent_utf8=True, fix_c1_controls=True, fix_latin_ligatures=False, fix_character_width=False,
    uncurl_quotes=False, fix_line_breaks=True, fix_surrogates=True, remove_control_chars=True, normalization="NFC",
)
_INVISIBLE = regex.compile(r"[\p{Cs}\p{Co}\p{Cn}\ufeff\u2060\u00ad\u202a-\u202e\u2066-\u2069]+")
_SPACE = regex.compile(r"\s+")
_CONTENT = regex.compile(r"[\p{L}\p{Emoji_Presentation}\p{So}]")
_PLACEHOLDER = regex.compile(r"@\w+|https?\S*|\[username\]|\[url\]", regex.IGNORECASE)


def clean(text: str) -> str:
    """The text with its encoding repaired (ftfy), NFC, without control or direction characters, runs of space as one."""
    text = fix_text(text.replace("\x00", ""), _REPAIR)
    return str(_SPACE.sub(" ", _INVISIBLE.sub("", text))).strip()


def reason_to_remove(text: str, *, max_characters: int) -> str:
    """Why a cleaned text cannot be used, or "".

    Args:
        text: A cleaned text.
        max_characters: Longer texts are left out rather than cut.
    """
    if not text:
        return "empty"
    if text.count("\ufffd") * 10 > len(text):
        return "unreadable characters"
    if not _CONTENT.search(_PLACEHOLDER.sub("", text)):
        return "no letters or emoji"
    if len(text) > max_characters:
        return "too long"
    return ""
