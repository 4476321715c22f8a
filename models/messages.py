"""Texts from Fluent catalogues, one file a language in a folder."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fluent.runtime import FluentBundle, FluentResource

from models.errors import ConfigError


def message(folder: Path, language: str, key: str, values: Mapping[str, Any]) -> str:
    """The text of a key in a language.

    Raises:
        ConfigError: The catalogue has no such key or a value is missing.
    """
    bundle = catalogue(folder, language)
    found = bundle.get_message(key) if bundle.has_message(key) else None
    if found is None or found.value is None:
        raise ConfigError(f"The catalogue {language}.ftl has no text {key!r}; add it to every file in {folder.name}/.")
    formatted, errors = bundle.format_pattern(found.value, values)
    if errors:
        raise ConfigError(f"The text {key!r} in {language}.ftl cannot be formatted: {errors[0]}.")
    return str(formatted)


@functools.cache
def catalogue(folder: Path, language: str) -> FluentBundle:
    """The parsed catalogue of a language."""
    bundle = FluentBundle([{"zh": "zh-CN"}.get(language, language)], use_isolating=False)
    bundle.add_resource(FluentResource((folder / f"{language}.ftl").read_text(encoding="utf-8")))
    return bundle
