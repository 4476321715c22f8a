"""The attention of a model as a person looks at it: a grid of heads and the lines of one of them, and what they chose there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from models.progress import Progress
from ui import state
from ui.caches import job_runner
from ui.job_panel import show_result
from ui.tables import csv_bytes
from ui.texts import language, text
from xai.attention_parts import CROSS, DECODER, ENCODER, Head
from xai.attention_view import KINDS, AttentionBlock, script, standalone_page, style, view_data
from xai.head_knockout import HeadEffects

DRAWN = (ENCODER, DECODER, CROSS, *KINDS, "all", "best", "block", "kind", "grid", "corner", "mean", "is_off", "switch_off", "switch_on", "all_on",
         "looking", "looked", "source", "target", "grid_note", "effect_note", "one_row", "rest", "caution", "no_script")
JOBS = "laboratory-"  # how the titles of these jobs begin
_JS = script() + """
export default function({ data, parentElement, setStateValue }) {
  drawAttention(parentElement.querySelector('.lab'), data, setStateValue);
}
"""
_component = st.components.v2.component("culturelens_attention_view", html="<div class='lab'></div>", css=style(), js=_JS)


@dataclass(frozen=True)
class Chosen:
    """What a person chose in the drawing.

    Attributes:
        block: The block that is looked at.
        kind: "attention" or another map.
        layer, head: What of it; None is the mean over all.
        off: Heads that are switched off.
    """

    block: str
    kind: str
    layer: int | None
    head: int | None
    off: tuple[Head, ...]


def show_blocks(blocks: Sequence[AttentionBlock], facts: Sequence[tuple[str, str]], *, key: str) -> Chosen:
    """Draws the blocks, with a button that saves them as a page, and returns what is chosen in them.

    Args:
        blocks: What can be looked at.
        facts: Names and values for the page that is saved.
        key: SHA-256 of text and model: with another one nothing is chosen any more.
    """
    texts = drawing_texts()
    data = view_data(blocks, facts, switchable=True)
    drawn = _component(data={**data, "texts": texts}, key=f"attention-{key[:16]}", default={"look": None, "off": []},
                       on_look_change=_nothing, on_off_change=_nothing)
    st.download_button(text("laboratory-save"), partial(standalone_page, data, text("laboratory-title"), language(), texts), "attention.html", "text/html",
                       icon=":material/download:", key="laboratory_save")
    return chosen(drawn.look, drawn.off, blocks)


def chosen(look: Any, off: Any, blocks: Sequence[AttentionBlock]) -> Chosen:
    """What the browser says was chosen, as far as it exists; what does not is left out, since anybody can send anything."""
    sizes = {block.name: block.maps["attention"].shape[:2] for block in blocks}
    heads = [tuple(one) for one in off if isinstance(one, list | tuple) and len(one) == 3] if isinstance(off, list | tuple) else []
    known = tuple(dict.fromkeys(head for head in heads if _exists(head, sizes)))
    given = look if isinstance(look, Mapping) else {}
    block = next((one for one in blocks if one.name == given.get("block")), blocks[0])
    layers, count = sizes[block.name]
    layer, head = given.get("layer") if look else block.best_layer, given.get("head")
    layer = layer if _within(layer, layers) else None
    kind = next((one for one in block.maps if one == given.get("kind")), KINDS[0])
    return Chosen(block.name, kind, layer, head if layer is not None and _within(head, count) else None, known)


def drawing_texts() -> dict[str, str]:
    """Everything the drawing says, by its short name; gaps stay open as {name}."""
    return {name: text(f"laboratory-{name.replace('_', '-')}") for name in DRAWN} | {
        "layer_mean": text("laboratory-layer-mean", layer="{layer}"), "layer_head": text("laboratory-layer-head", layer="{layer}", head="{head}"),
        "effect": text("laboratory-effect", value="{value}"), "cut": text("laboratory-cut", shown="{shown}", total="{total}"),
    }


def place_name(choice: Chosen) -> str:
    """What is looked at, in words."""
    kind = text(f"laboratory-{choice.kind.replace('_', '-')}")
    if choice.kind not in KINDS[:2]:
        return kind
    if choice.layer is None:
        return f"{kind} · {text('laboratory-all')}"
    head = text("laboratory-layer-mean", layer=choice.layer + 1) if choice.head is None else text(
        "laboratory-layer-head", layer=choice.layer + 1, head=choice.head + 1)
    return f"{kind} · {head}"


def pick(stack: np.ndarray, choice: Chosen) -> np.ndarray:
    """The chosen map (query, key) of a stack (layers, heads, query, key)."""
    layers = stack if choice.layer is None else stack[[choice.layer]]
    return np.asarray((layers if choice.head is None else layers[:, [choice.head]]).mean((0, 1)))


def head_names(heads: Sequence[Head]) -> str:
    """Heads in one line."""
    return ", ".join(f"{text('laboratory-' + block)} {layer + 1}.{head + 1}" for block, layer, head in heads)


def show_jobs(flow_key: str, flow: Callable[[Progress], Any], heads_key: str, knock_out: Callable[[Progress], HeadEffects], unit: str) -> None:
    """Has the flow computed, and on request the effect of every head, and draws the latter; what this visitor asked of another text stops."""
    runner = job_runner()
    runner.cancel_others(state.visitor(), JOBS, [flow_key, heads_key])
    show_result(flow_key, "laboratory-flow-running", flow, _nothing)
    st.markdown(f"**{text('laboratory-knock-out')}**", help=text("laboratory-knock-out-help"))
    if st.session_state.get(state.LABORATORY_HEADS) == heads_key or runner.result(heads_key) is not None:
        show_result(heads_key, "laboratory-knock-out-running", knock_out, partial(_effects, unit))
    else:
        st.button(text("laboratory-measure"), icon=":material/content_cut:", key="laboratory_measure", on_click=_ask, args=(heads_key,))


def _ask(key: str) -> None:
    st.session_state[state.LABORATORY_HEADS] = key


def _effects(unit: str, found: HeadEffects) -> None:
    """What each head adds to the output, strongest first, with the file."""
    rows = [{"block": block, "layer": layer + 1, "head": head + 1, "effect": float(moved[layer, head])}
            for block, moved in found.effects.items() for layer, head in np.ndindex(*moved.shape)]
    table = pd.DataFrame(rows).sort_values("effect", key=np.abs, ascending=False, kind="stable")
    first = table.iloc[0]
    strongest = head_names([(first["block"], int(first["layer"]) - 1, int(first["head"]) - 1)])
    st.caption(text("laboratory-effects-note", value=f"{found.value:.3f}", unit=unit, count=len(table), head=strongest,
                    without=f"{found.value - first['effect']:.3f}"))
    with st.expander(text("laboratory-effects-table")):
        st.dataframe(table.round(6), hide_index=True, key="laboratory_effects")
        st.download_button(text("download-csv"), partial(csv_bytes, table), "heads.csv", "text/csv", icon=":material/download:", key="heads_csv")


def _exists(head: tuple[Any, ...], sizes: Mapping[str, tuple[int, ...]]) -> bool:
    block, layer, number = head
    return isinstance(block, str) and block in sizes and _within(layer, sizes[block][0]) and _within(number, sizes[block][1])


def _within(number: Any, count: int) -> bool:
    return type(number) is int and 0 <= number < count


def _nothing(found: object = None) -> None:
    """A component keeps a state only where somebody listens, and what is found of the flow is drawn with the other maps."""
