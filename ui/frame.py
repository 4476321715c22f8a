"""What stands around every page: language, active model and open jobs."""

from __future__ import annotations

import contextlib
from functools import partial
from urllib.parse import urlsplit

import streamlit as st

from models import Classifier
from models.errors import CheckpointError
from models.progress import Progress
from models.text import visible_marks
from ui import state
from ui.caches import SENTIMENT, TRANSLATION, active_model, job_runner, model_names, shown_first, translator
from ui.texts import LANGUAGES, default_language, language, text

# List boxes whose options are named in the visitor's language.
CHOICES = (state.CULTURE, state.LAYER, state.HEAD, state.SOURCE_LANGUAGE, state.TARGET_LANGUAGE, state.CROSS_LAYER, state.CROSS_HEAD,
           state.TRANSLATION_METHOD)

# Boxes and texts take the direction of what stands in them; Streamlit has no setting for it. And a server's very first visitor who
# comes by a link to a page is told that there is no such page before app.py could name its pages: where there is one, that goes.
_direction = st.components.v2.component("culturelens_direction", html="<span></span>", js="""
export default function({ data }) {
  const places = 'textarea, [data-testid="stText"], [data-testid="stButton"] p';
  const mark = () => {
    document.querySelectorAll(places).forEach((place) => { place.dir = 'auto'; });
    const dialog = data.known && document.querySelector('[role="dialog"]');
    if (dialog && dialog.textContent.startsWith('Page not found')) dialog.querySelector('button[aria-label="Close"]')?.click();
  };
  const watcher = new MutationObserver(mark);
  watcher.observe(document.body, { childList: true, subtree: true });
  mark();
  return () => watcher.disconnect();
}
""")


def choose_language() -> None:
    """The language switch; it comes first, because everything after it is written in that language."""
    if state.LANGUAGE not in st.session_state:
        asked = st.query_params.get(state.LANGUAGE)
        st.session_state[state.LANGUAGE] = asked if asked in LANGUAGES else default_language()
    st.session_state[state.LANGUAGE] = language()  # set anew, or the switch forgets it when the first run is broken off by a click
    with st.sidebar:
        st.segmented_control("Language · 语言", list(LANGUAGES), format_func=LANGUAGES.__getitem__, key=state.LANGUAGE, required=True,
                             on_change=_write_choices_again)
    if language() != default_language() or state.LANGUAGE in st.query_params:
        st.query_params[state.LANGUAGE] = language()  # a link that is copied opens in the same language


def _write_choices_again() -> None:
    """A list box keeps showing its choice in the language it was chosen in, unless the choice is set anew."""
    for key in CHOICES:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def show_frame(page: str) -> None:
    """The active model and the job strip around the page of that path ("" = the first)."""
    task, key = (TRANSLATION, state.TRANSLATOR) if page == TRANSLATION else (SENTIMENT, state.MODEL)
    names = model_names(task)
    with st.sidebar:
        if names:
            st.selectbox(text("frame-model"), names, index=names.index(shown_first(task, names)), key=key, bind="query-params",
                         format_func=lambda name: visible_marks(name)[:60])
        own, everybody = job_runner().counts(state.visitor())
        if everybody:
            st.caption(text("frame-jobs", own=own, everybody=everybody))
        asked = urlsplit(st.context.url or "").path.rstrip("/").rpartition("/")[2]
        _direction(key="direction", data={"known": asked == page})


def warm_up() -> None:
    """Loads the models that are shown first and brings in what the methods need before the first question, without making anybody wait."""
    runner = job_runner()
    if not model_names() or runner.result("warm_up") is not None or runner.job("warm_up") is not None:
        return
    try:
        model = active_model()
    except CheckpointError:
        return  # the page says it
    runner.submit("warm_up", "frame-warm-up", "frame", partial(_warm_up, model, shown_first(TRANSLATION, model_names(TRANSLATION))))


def _warm_up(model: Classifier, translation: str, progress: Progress) -> bool:
    """Whether everything is warm, after the translation model is loaded, where there is one that can be."""
    import audit.run  # noqa: F401  (seconds, which nobody is to wait for on its page)
    from xai.methods import warm_up as warm_up_methods

    with contextlib.suppress(CheckpointError):
        translator(translation)
    warm_up_methods(model)
    return True
