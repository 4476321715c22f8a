"""Names of everything kept in a visitor's session; no page writes a key as a string."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import streamlit as st

LANGUAGE = "lang"
MODEL = "model"
LOADED = "loaded_models"
TEXT = "sentiment_text"
CULTURE = "sentiment_culture"
REQUEST = "sentiment_request"
EXAMPLES = "sentiment_examples"
TARGET = "sentiment_target"
WORDS = "sentiment_words"
LAYER = "attention_layer"
HEAD = "attention_head"
MAP_WORDS = "attention_words"
VISITOR = "visitor"
LIBRARY_PATH = "library_path"
LIBRARY_JOB = "library_job"


@dataclass(frozen=True)
class Request:
    """What a visitor asked to explain: the text as typed and the culture to compare with, None = guess."""

    text: str
    culture: str | None


def visitor() -> str:
    """A random name of this session, the owner of its jobs."""
    name: str = st.session_state.setdefault(VISITOR, uuid.uuid4().hex)
    return name
