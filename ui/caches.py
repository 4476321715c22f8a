"""What all visitors share: loaded models and the job runner."""

from __future__ import annotations

import functools
import gc

import streamlit as st

from models import Classifier, Translator, list_checkpoints, load_classifier, load_translator
from models.errors import CheckpointError
from models.loading import checkpoints_root, read_task
from ui import state
from ui.jobs import JobRunner

SENTIMENT, TRANSLATION = "sentiment", "translation"  # tasks, and the names of the models that are shown first for each
KEPT_MODELS = 3


@st.cache_resource(show_spinner=False)
def job_runner() -> JobRunner:
    """The runner of this process."""
    return JobRunner()


@st.cache_resource(show_spinner=False, max_entries=KEPT_MODELS)
def classifier(name: str) -> Classifier:
    """A loaded model, one handle for all visitors.

    Raises:
        CheckpointError: It cannot be loaded.
    """
    model = load_classifier(name)
    model.predict(["ok"])  # the first pass through a model is slow; nobody should wait for it
    gc.freeze()  # Streamlit collects garbage after every rerun; libraries and weights need not be looked through each time
    return model


@st.cache_resource(show_spinner=False, max_entries=KEPT_MODELS)
def translator(name: str) -> Translator:
    """A loaded translation model, one handle for all visitors.

    Raises:
        CheckpointError: It cannot be loaded.
    """
    model = load_translator(name)
    source = next(iter(model.scheme.source_languages), "en")
    model.translate(["ok"], source, next(iter(model.scheme.target_languages(source)), "zh"))  # a first pass, as above
    gc.freeze()
    return model


def model_names(task: str = SENTIMENT) -> list[str]:
    """Embedded models of a task and those this visitor loaded; one whose settings cannot be read counts as a classifier, whose page says so."""
    return [name for name in dict.fromkeys([*list_checkpoints(), *st.session_state.get(state.LOADED, [])]) if task_of(name) == task]


def task_of(name: str) -> str:
    """What a model is for; its settings are read again only where they changed."""
    settings = checkpoints_root() / name / "config.json"  # of an absolute path the root is no part
    try:
        return _read_task(name, settings.stat().st_mtime_ns if settings.is_file() else 0)
    except CheckpointError:
        return SENTIMENT


def active_model() -> Classifier:
    """The classifier chosen in the frame.

    Raises:
        CheckpointError: It cannot be loaded.
    """
    return classifier(_chosen(SENTIMENT, state.MODEL))


def active_translator() -> Translator:
    """The translation model chosen in the frame.

    Raises:
        CheckpointError: It cannot be loaded.
    """
    return translator(_chosen(TRANSLATION, state.TRANSLATOR))


def shown_first(task: str, names: list[str]) -> str:
    """Of the models of a task the one that is shown before anybody chooses."""
    return task if task in names or not names else names[0]


def _chosen(task: str, key: str) -> str:
    names, chosen = model_names(task), st.session_state.get(key)
    return chosen if chosen in names else shown_first(task, names)


@functools.lru_cache(maxsize=64)
def _read_task(name: str, stamp: int) -> str:
    return read_task(name)
