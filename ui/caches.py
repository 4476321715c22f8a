"""What all visitors share: loaded models and the job runner."""

from __future__ import annotations

import gc
import os

import streamlit as st
import torch

from models import Classifier, list_checkpoints, load_classifier
from ui import state
from ui.jobs import JobRunner

DEFAULT_MODEL = "sentiment"
KEPT_MODELS = 3


@st.cache_resource(show_spinner=False)
def job_runner() -> JobRunner:
    """The runner of this process; threads are set once, where nothing runs yet."""
    torch.set_num_threads(max(1, (os.cpu_count() or 2)))
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


def model_names() -> list[str]:
    """Embedded models and those this visitor loaded."""
    return list(dict.fromkeys([*list_checkpoints(), *st.session_state.get(state.LOADED, [])]))


def active_model() -> Classifier:
    """The model chosen in the frame.

    Raises:
        CheckpointError: It cannot be loaded.
    """
    names = model_names()
    chosen = st.session_state.get(state.MODEL)
    if chosen not in names:
        chosen = DEFAULT_MODEL if DEFAULT_MODEL in names or not names else names[0]
    return classifier(chosen)
