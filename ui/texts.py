"""Texts of the interface from Fluent catalogues: `text("key", name=value)` in the visitor's language."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import streamlit as st
from fluent.runtime import FluentBundle, FluentResource

from models.errors import ConfigError
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
    bundle = catalogue(lang)
    message = bundle.get_message(key) if bundle.has_message(key) else None
    if message is None or message.value is None:
        raise ConfigError(f"The catalogue {lang}.ftl has no text {key!r}; add it to every file in {FOLDER.name}/.")
    formatted, errors = bundle.format_pattern(message.value, values)
    if errors:
        raise ConfigError(f"The text {key!r} in {lang}.ftl cannot be formatted: {errors[0]}.")
    return str(formatted)


@functools.cache
def catalogue(lang: str) -> FluentBundle:
    """The parsed catalogue of a language."""
    bundle = FluentBundle([{"zh": "zh-CN"}.get(lang, lang)], use_isolating=False)
    bundle.add_resource(FluentResource((FOLDER / f"{lang}.ftl").read_text(encoding="utf-8")))
    return bundle
