"""Plain text made safe for the places where Streamlit reads Markdown."""

from __future__ import annotations

import regex

from models.text import visible_marks
from ui.texts import text

LABELS = ("negative", "neutral", "positive")
LANGUAGES = ("ar", "cs", "de", "en", "es", "fi", "fr", "hi", "id", "it", "ja", "ko", "pl", "pt", "ru", "tr", "uk", "vi", "zh")
_MARKDOWN = regex.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:@&])")
_SPACE = regex.compile(r"\s+")


def plain(content: str, *, limit: int = 200) -> str:
    """Text of strangers for labels and Markdown: one line, escaped, direction marks shown, cut to `limit` characters."""
    line = _SPACE.sub(" ", visible_marks(content)).strip()
    cut = line if len(line) <= limit else line[: limit - 1] + "…"
    return str(_MARKDOWN.sub(r"\\\1", cut))


def label_name(label: str) -> str:
    """A label in the visitor's language where it is one of ours, else as the model names it."""
    return text(f"label-{label.lower()}") if label.lower() in LABELS else plain(label, limit=40)


def language_name(language: str) -> str:
    """A language in the visitor's language where the catalogues name it, else its tag; not escaped."""
    return text(f"language-{language}") if language in LANGUAGES else visible_marks(language)[:40]


def language_option(language: str) -> str:
    """The name with the tag behind it; for list boxes, which read no Markdown."""
    return f"{language_name(language)} · {language}" if language in LANGUAGES else language_name(language)
