"""What the views of a translation share: the method chooser, the attribution as a job, and the line that says how far to trust it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from models import Translation, Translator
from models.progress import Progress
from ui import state
from ui.caches import job_runner
from ui.job_panel import show_result
from ui.texts import text
from ui.translation import JOBS, translation_key
from ui.trust import show_trust
from xai.methods import TRANSLATION_METHODS
from xai.sequence_attribution import SequenceAttribution

ATTENTION = "cross_attention"  # says where the model looked; shown beside the others, not among them
DEFAULT_METHOD = "occlusion"  # the cheapest that asks the model itself


def choose_method() -> str:
    """The list of methods; the choice is kept from view to view."""
    names = [name for name in TRANSLATION_METHODS if name != ATTENTION]
    st.session_state.setdefault(state.TRANSLATION_METHOD, DEFAULT_METHOD)
    return str(st.selectbox(text("translation-method"), names, key=state.TRANSLATION_METHOD, width=240, persist_state="session",
                            format_func=lambda name: text(f"method-{name}")))


def choose_words() -> bool:
    """Whether tokens of a word are shown as one."""
    return bool(st.toggle(text("why-words"), value=True, key=state.TRANSLATION_WORDS, persist_state="session"))


def attribution_key(model: Translator, translation: Translation, method: str) -> str:
    """Under which the attribution of a translation is kept."""
    return translation_key(model, method, translation.source.text, translation.source_language, translation.target_language,
                           hypothesis=translation.hypothesis)


def attribution_of(model: Translator, translation: Translation, method: str) -> SequenceAttribution | None:
    """The attribution where it is there already."""
    found: SequenceAttribution | None = job_runner().result(attribution_key(model, translation, method))
    return found


def explained(model: Translator, translation: Translation) -> tuple[dict[str, str], dict[str, SequenceAttribution]]:
    """Keys and attributions by method of all that are there already."""
    found = {name: one for name in TRANSLATION_METHODS if (one := attribution_of(model, translation, name)) is not None}
    return {name: attribution_key(model, translation, name) for name in found}, found


def show_translation_trust(model: Translator, translation: Translation) -> None:
    """How far the attributions that are there can be trusted."""
    keys, found = explained(model, translation)
    if found:
        show_trust(model, keys, found)


def show_attribution(model: Translator, translation: Translation, method: str, draw: Callable[[SequenceAttribution], None]) -> None:
    """Has the translation explained by a method and draws what is found."""
    work = partial(_explain, model, translation, method)
    show_translation_job(attribution_key(model, translation, method), work, draw)


def show_translation_job(key: str, work: Callable[[Progress], Any], draw: Callable[[Any], None]) -> None:
    """Draws a result of this page; whatever else this visitor waits for on this page is no longer looked at and stops."""
    job_runner().cancel_others(state.visitor(), JOBS, [key])
    show_result(key, "translation-title", work, draw)


def trust(found: SequenceAttribution) -> str:
    """What an attribution cost, and the measure of its own trustworthiness."""
    parts = [text("why-cost", evaluations=found.evaluations, seconds=f"{found.seconds:.2f}")]
    if found.convergence_delta is not None:
        moved = float(np.abs(found.values - found.base_values).sum())
        share = float(np.abs(found.convergence_delta).sum()) / moved if moved else 0.0
        parts.append(text("attribution-delta", share=f"{share:.2%}"))
    elif found.r_squared is not None:
        parts.append(text("attribution-fit", value=f"{found.r_squared.min():.2f}"))
    else:
        parts.append(text("attribution-not-additive"))
    return " · ".join(parts)


def _explain(model: Translator, translation: Translation, method: str, progress: Progress) -> SequenceAttribution:
    return TRANSLATION_METHODS[method](
        model, translation.source.text, translation.hypothesis, source_language=translation.source_language,
        target_language=translation.target_language, progress=progress,
    )
