"""Texts of the interface from Fluent catalogues: `text("key", name=value)` in the visitor's language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from models.messages import message
from ui import state

LANGUAGES = {"en": "English", "zh": "简体中文"}
FOLDER = Path(__file__).parent / "locales"


def default_language() -> str:
    """Chinese for a browser that asks for Chinese, else English."""
    locale = st.context.locale or ""
    return "zh" if locale.lower().startswith("zh") else "en"


def language() -> str:
    """The language of this visitor's interface."""
    chosen = st.session_state.get(state.LANGUAGE)
    return chosen if chosen in LANGUAGES else default_language()


def text(key: str, /, **values: Any) -> str:
    """The text of a key in the visitor's language."""
    return translate(language(), key, **values)


def translate(lang: str, key: str, /, **values: Any) -> str:
    """The text of a key in a language.

    Raises:
        ConfigError: The catalogue has no such key or a value is missing.
    """
    return message(FOLDER, lang, key, values)
