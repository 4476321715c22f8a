"""The attention laboratory of a prediction: every head, rollout, flow and value-weighted attention, heads switched off, and what attention does not say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from models import Classifier, Prediction
from models.progress import Progress
from ui import state
from ui.attention_disagreement import show_disagreement
from ui.attention_drawing import Chosen, head_names, pick, place_name, show_blocks, show_jobs
from ui.caches import job_runner
from ui.explanations import explanation_keys
from ui.texts import text
from ui.token_row import direction
from ui.words import label_name
from xai import attention
from xai.attention import AttentionMap
from xai.attention_agreement import compare_with_attribution
from xai.attention_flow import attention_flow
from xai.attention_parts import ENCODER, Head
from xai.attention_view import FLOW, ROLLOUT, VALUE_WEIGHTED, classifier_block
from xai.attribution import Attribution
from xai.head_knockout import HeadEffects, knock_out_heads, predict_without
from xai.value_weighted import value_weighted


@dataclass(frozen=True)
class _Maps:
    """Attention of one text; the last is a place and its flow to all places, or None while it is computed."""

    attention: AttentionMap
    value_weighted: AttentionMap
    flow: tuple[int, np.ndarray] | None


def show_laboratory(model: Classifier, prediction: Prediction) -> None:
    """Draws the attention of a text with everything that can be asked of it."""
    st.subheader(f"{label_name(prediction.label)}  ·  {prediction.probabilities[prediction.label]:.2f}")
    st.caption(text("laboratory-caution"))
    st.fragment(_panel)(model, prediction)


def _panel(model: Classifier, prediction: Prediction) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = st.segmented_control(text("why-target"), model.labels, default=prediction.label, key=state.TARGET, format_func=label_name)
        words = st.toggle(text("why-words"), value=True, key=state.LABORATORY_WORDS, persist_state="session")
    target = target or prediction.label
    flow_key, effects_key = _key(model, prediction, "flow"), _key(model, prediction, f"knock-out {target}")
    maps = _maps(model, prediction, flow_key)
    effects: HeadEffects | None = job_runner().result(effects_key)
    block = classifier_block(maps.attention, value_weighted=maps.value_weighted, flow=maps.flow, words=words,
                             effects=None if effects is None else effects.effects[ENCODER], right_to_left=direction(prediction.text) == "rtl")
    choice = show_blocks([block], _facts(model, prediction, target, words), key=_key(model, prediction, "drawing"))
    left, right = st.columns(2, gap="large")
    with left:
        show_jobs(flow_key, partial(_flow, maps.attention), effects_key, partial(_knock_out, model, prediction.text, target), text("output-probability"))
        _switched_off(model, prediction, choice.off)
    with right:
        show_disagreement(_rows(maps, choice), _attributions(model, prediction, target), compare_with_attribution, nothing=text("laboratory-disagreement-none"))


def _maps(model: Classifier, prediction: Prediction, flow_key: str) -> _Maps:
    """What takes one pass through the model each, and the flow where it is there."""
    seen: AttentionMap = job_runner().remember(_key(model, prediction, "maps"), lambda: attention.maps(model, prediction.text))
    weighted: AttentionMap = job_runner().remember(_key(model, prediction, "value-weighted"), lambda: value_weighted(model, prediction.text))
    return _Maps(seen, weighted, job_runner().result(flow_key))


def _flow(seen: AttentionMap, progress: Progress) -> tuple[int, np.ndarray]:
    """From the place that classifies, or the last one where the first is no special token."""
    place = 0 if seen.offsets[0] is None else len(seen.tokens) - 1
    return place, attention_flow(seen, place, progress=progress)


def _knock_out(model: Classifier, content: str, target: str, progress: Progress) -> HeadEffects:
    return knock_out_heads(model, content, target, progress=progress)


def _switched_off(model: Classifier, prediction: Prediction, off: tuple[Head, ...]) -> None:
    """The probabilities without the heads that are switched off, beside those with them."""
    if not off:
        st.caption(text("laboratory-none-off"))
        return
    heads = sorted((layer, head) for _, layer, head in off)
    without: Mapping[str, float] = job_runner().remember(_key(model, prediction, f"without {heads}"), lambda: predict_without(model, prediction.text, heads))
    st.caption(text("laboratory-off", count=len(off), heads=head_names(off)))
    with st.container(key="laboratory_without"):
        for label, before in prediction.probabilities.items():
            st.progress(min(1.0, without[label]), text=f"{label_name(label)}  {before:.3f} → {without[label]:.3f}")


def _attributions(model: Classifier, prediction: Prediction, target: str) -> dict[str, Attribution]:
    """The explanations of this text that are there already, by word; attention itself is none."""
    keys = explanation_keys(model, prediction.text, target)
    return {name: found.words() for name, key in keys.items() if name != "attention_rollout" and (found := job_runner().result(key)) is not None}


def _rows(maps: _Maps, choice: Chosen) -> dict[str, np.ndarray]:
    """What the classifying place pays to each word (words,), by the name of the map."""
    seen = maps.attention

    def of(matrix: np.ndarray) -> np.ndarray:
        row = matrix[0] if seen.offsets[0] is None else matrix.mean(0)
        words = {place: word for place, word in enumerate(seen.word_ids) if word is not None}
        return np.bincount(list(words.values()), weights=row[list(words)])

    found = {text(f"laboratory-{ROLLOUT}"): of(seen.rollout())}
    if maps.flow is not None:
        found[text(f"laboratory-{FLOW}")] = of(np.tile(maps.flow[1], (len(seen.tokens), 1)))
    found[text("laboratory-value-weighted")] = of(maps.value_weighted.weights.mean((0, 1)))
    if choice.kind not in (ROLLOUT, FLOW):
        stack = maps.value_weighted if choice.kind == VALUE_WEIGHTED else seen
        found.setdefault(place_name(choice), of(pick(stack.weights, choice)))
    return found


def _facts(model: Classifier, prediction: Prediction, target: str, words: bool) -> list[tuple[str, str]]:
    probabilities = " · ".join(f"{label} {probability:.4f}" for label, probability in prediction.probabilities.items())
    return [(text("sentiment-text"), prediction.text), (text("frame-model"), model.name), (text("library-hash"), model.fingerprint),
            (text("why-target"), target), (text("output-probability"), probabilities),
            (text("audit-settings"), text("laboratory-by-words" if words else "laboratory-by-tokens"))]


def _key(model: Classifier, prediction: Prediction, what: str) -> str:
    return hashlib.sha256(f"laboratory {what} {model.fingerprint} {prediction.text}".encode()).hexdigest()
