"""What stands around every page: language, active model and open jobs."""

from __future__ import annotations

import streamlit as st

from ui import state
from ui.caches import DEFAULT_MODEL, active_model, job_runner, model_names
from ui.texts import LANGUAGES, default_language, text
from ui.words import plain

# Text boxes take the direction of what is typed; Streamlit has no setting for it.
_direction = st.components.v2.component("culturelens_direction", html="<span></span>", js="""
export default function() {
  const mark = () => document.querySelectorAll('textarea').forEach((box) => { box.dir = 'auto'; });
  const watcher = new MutationObserver(mark);
  watcher.observe(document.body, { childList: true, subtree: true });
  mark();
  return () => watcher.disconnect();
}
""")


def choose_language() -> None:
    """The language switch; it comes first, because everything after it is written in that language."""
    with st.sidebar:
        st.segmented_control("Language · 语言", list(LANGUAGES), format_func=LANGUAGES.__getitem__, key=state.LANGUAGE,
                             default=default_language(), required=True, bind="query-params")


def show_frame() -> None:
    """The active model and the job strip."""
    names = model_names()
    with st.sidebar:
        if names:
            first = names.index(DEFAULT_MODEL) if DEFAULT_MODEL in names else 0
            st.selectbox(text("frame-model"), names, index=first, key=state.MODEL, bind="query-params", format_func=lambda name: plain(name, limit=60))
        own, everybody = job_runner().counts(state.visitor())
        if everybody:
            st.caption(text("frame-jobs", own=own, everybody=everybody))
        _direction(key="direction")


def warm_up() -> None:
    """Loads the model and compiles shap before the first question, without making anybody wait."""
    from xai.shap_values import warm_up as warm_up_shap

    runner = job_runner()
    if model_names() and runner.result("warm_up") is None and runner.job("warm_up") is None:
        model = active_model()
        runner.submit("warm_up", "frame-warm-up", "frame", lambda progress: warm_up_shap(model) or True)
