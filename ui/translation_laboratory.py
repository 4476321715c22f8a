"""The attention laboratory of a translation: encoder, decoder and cross-attention, heads switched off, and what attention does not say."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from models import Translation, Translator
from models.progress import Progress
from ui.attention_disagreement import show_disagreement
from ui.attention_drawing import Chosen, head_names, pick, place_name, show_blocks, show_jobs
from ui.caches import job_runner
from ui.texts import text
from ui.token_row import direction
from ui.translation import translation_key
from ui.translation_alignment import attention_of
from ui.translation_attribution import ATTENTION, attribution_of, choose_words
from xai.attention_agreement import compare_with_attribution
from xai.attention_flow import PairRollout, pair_flow, pair_rollout
from xai.attention_parts import CROSS, Head
from xai.attention_view import FLOW, ROLLOUT, VALUE_WEIGHTED, pair_blocks
from xai.cross_attention import CrossAttentionMap
from xai.forced_pair import ForcedPair, force
from xai.head_knockout import HeadEffects, knock_out_pair_heads, score_without
from xai.methods import TRANSLATION_METHODS
from xai.sequence_attribution import SequenceAttribution
from xai.value_weighted import pair_value_weighted


def show_laboratory(model: Translator, translation: Translation) -> None:
    """Draws the attention of a translation with everything that can be asked of it."""
    st.caption(text("laboratory-caution"))
    st.fragment(_panel)(model, translation)


def _panel(model: Translator, translation: Translation) -> None:
    words = choose_words()
    pair = force(model, translation.source.text, translation.hypothesis, source_language=translation.source_language,
                 target_language=translation.target_language)
    flow_key, effects_key = _key(model, translation, "flow"), _key(model, translation, "knock-out")
    runner = job_runner()
    seen = attention_of(model, translation)
    weighted: CrossAttentionMap = runner.remember(_key(model, translation, "value-weighted"), lambda: pair_value_weighted(pair))
    rollout: PairRollout = runner.remember(_key(model, translation, "rollout"), lambda: pair_rollout(pair))
    flow: np.ndarray | None = runner.result(flow_key)
    effects: HeadEffects | None = runner.result(effects_key)
    blocks = pair_blocks(seen, value_weighted=weighted, rollout=(rollout.source_weights, rollout.prefix_weights), flow=flow,
                         effects=None if effects is None else effects.effects, words=words,
                         right_to_left=(direction(pair.source.text) == "rtl", direction(pair.target.text) == "rtl"))
    choice = show_blocks(blocks, _facts(model, translation, words), key=_key(model, translation, "drawing"))
    left, right = st.columns(2, gap="large")
    with left:
        show_jobs(flow_key, partial(_flow, pair), effects_key, partial(_knock_out, pair), text("laboratory-nats"))
        _switched_off(model, translation, pair, choice.off)
    with right:
        show_disagreement(_matrices(seen, weighted, rollout, flow, choice), _attributions(model, translation), compare_with_attribution,
                          nothing=text("laboratory-disagreement-none-translation"))


def _flow(pair: ForcedPair, progress: Progress) -> np.ndarray:
    """From every target token (target, source)."""
    rows = []
    for row in range(len(pair.target.offsets)):
        progress(row, len(pair.target.offsets))
        rows.append(pair_flow(pair, row))
    return np.array(rows)


def _knock_out(pair: ForcedPair, progress: Progress) -> HeadEffects:
    return knock_out_pair_heads(pair, progress=progress)


def _switched_off(model: Translator, translation: Translation, pair: ForcedPair, off: tuple[Head, ...]) -> None:
    """The probability of every token without the heads that are switched off, beside that with them."""
    if not off:
        st.caption(text("laboratory-none-off"))
        return
    heads = sorted(off)
    before: np.ndarray = job_runner().remember(_key(model, translation, "without []"), lambda: score_without(pair, []))
    without: np.ndarray = job_runner().remember(_key(model, translation, f"without {heads}"), lambda: score_without(pair, heads))
    st.caption(text("laboratory-off", count=len(off), heads=head_names(heads)))
    st.markdown(text("laboratory-score", before=f"{before.sum():.3f}", after=f"{without.sum():.3f}"))
    table = pd.DataFrame({"token": pair.target.tokens, "probability": np.exp(before), "without": np.exp(without)})
    table["difference"] = table["without"] - table["probability"]
    st.dataframe(table.round(4), hide_index=True, key="laboratory_without")


def _attributions(model: Translator, translation: Translation) -> dict[str, SequenceAttribution]:
    """The explanations of this translation that are there already; attention itself is none."""
    return {name: found for name in TRANSLATION_METHODS if name != ATTENTION and (found := attribution_of(model, translation, name)) is not None}


def _matrices(seen: CrossAttentionMap, weighted: CrossAttentionMap, rollout: PairRollout, flow: np.ndarray | None, choice: Chosen) -> dict[str, np.ndarray]:
    """What each target token pays to each source token (target, source), by the name of the map."""
    found = {text(f"laboratory-{ROLLOUT}"): rollout.source_weights}
    if flow is not None:
        found[text(f"laboratory-{FLOW}")] = flow
    found[text("laboratory-value-weighted")] = weighted.weights.mean((0, 1))
    if choice.block == CROSS and choice.kind not in (ROLLOUT, FLOW):
        stack = weighted if choice.kind == VALUE_WEIGHTED else seen
        found.setdefault(place_name(choice), pick(stack.weights, choice))
    return found


def _facts(model: Translator, translation: Translation, words: bool) -> list[tuple[str, str]]:
    return [(text("alignment-source"), translation.source.text), (text("alignment-target"), translation.hypothesis), (text("frame-model"), model.name),
            (text("library-hash"), model.fingerprint), (text("laboratory-nats"), f"{sum(translation.token_logprobs):.4f}"),
            (text("audit-settings"), text("laboratory-by-words" if words else "laboratory-by-tokens"))]


def _key(model: Translator, translation: Translation, what: str) -> str:
    return translation_key(model, f"laboratory {what}", translation.source.text, translation.source_language, translation.target_language,
                           hypothesis=translation.hypothesis)
