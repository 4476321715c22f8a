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
SHUFFLED = "trust_shuffled"
LAYER = "attention_layer"
HEAD = "attention_head"
MAP_WORDS = "attention_words"
SENTIMENT_VIEW = "sentiment_view"
LABORATORY_WORDS = "laboratory_words"
LABORATORY_HEADS = "laboratory_heads"
TRANSLATOR = "translator"
TRANSLATION_TEXT = "translation_text"
SOURCE_LANGUAGE = "source"
TARGET_LANGUAGE = "target"
TRANSLATION_REQUEST = "translation_request"
TRANSLATION_EXAMPLES = "translation_examples"
TRANSLATION_VIEW = "translation_view"
TRANSLATION_METHOD = "translation_method"
TRANSLATION_WORDS = "translation_words"
TRANSLATION_EDITED = "translation_edited"
TRANSLATION_COMPARED = "translation_compared"
CROSS_LAYER = "cross_layer"
CROSS_HEAD = "cross_head"
LINKS_BY = "links_by"
FARES_SOURCE = "fares_source"
FARES_METRIC = "fares_metric"
FARES_ASKED = "fares_asked"
AUDIT_SOURCE = "audit_source"
AUDIT_FILE = "audit_file"
AUDIT_TABLE = "audit_table"
AUDIT_REQUEST = "audit_request"
AUDIT_METRIC = "audit_metric"
AUDIT_GROUP = "audit_group"
AUDIT_KEY = "audit_key"
AUDIT_CELL = "audit_cell"
AUDIT_SLICE = "audit_slice"
AUDIT_SORT = "audit_sort"
AUDIT_ATTRIBUTIONS = "audit_attributions_asked"
AUDIT_FAITHFULNESS = "audit_faithfulness_asked"
AUDIT_MAP = "audit_map_asked"
AUDIT_MAPPED = "audit_mapped"
VISITOR = "visitor"
LIBRARY_PATH = "library_path"
LIBRARY_JOB = "library_job"


@dataclass(frozen=True)
class Request:
    """What a visitor asked to explain: the text as typed and the culture to compare with, None = guess."""

    text: str
    culture: str | None


@dataclass(frozen=True)
class TranslationRequest:
    """What a visitor asked to translate: the source as typed, its language and the language wanted."""

    text: str
    source_language: str
    target_language: str


def visitor() -> str:
    """A random name of this session, the owner of its jobs."""
    name: str = st.session_state.setdefault(VISITOR, uuid.uuid4().hex)
    return name
