"""What a browser needs to draw attention: the maps of every layer and head as bytes, and one page that holds all of it and opens offline."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from models.errors import ModelError
from models.text import visible_marks
from models.tokens import TokenizedText
from xai.attention import AttentionMap
from xai.attention_parts import CROSS, DECODER, ENCODER
from xai.cross_attention import CrossAttentionMap
from xai.figures import MAX_TOKENS
from xai.sequence_attribution import membership
from xai.word_alignment import best_layer

FOLDER = Path(__file__).parent
KINDS = ATTENTION, VALUE_WEIGHTED, ROLLOUT, FLOW = ("attention", "value_weighted", "rollout", "flow")
STEPS = 255  # of the bytes that stand for weights; rounding moves a weight by 1 / 510 at most


@dataclass(frozen=True)
class AttentionBlock:
    """One stack of attention of a model, as it is drawn.

    Attributes:
        name: "encoder", "decoder" or "cross".
        rows: Who looks: tokens or words (rows,).
        columns: What is looked at (columns,).
        right_to_left: Whether rows and columns are written from right to left.
        maps: Shares (0-1) by name: "attention" and "value_weighted" of every head (layers, heads, rows, columns), "rollout" and "flow" through all
            layers (rows, columns); rows that were not computed are NaN.
        effects: What each head adds to the output (layers, heads), or None where this is not measured.
        best_layer: The layer that is marked, or None.
    """

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    right_to_left: tuple[bool, bool]
    maps: Mapping[str, np.ndarray]
    effects: np.ndarray | None = None
    best_layer: int | None = None

    def __post_init__(self) -> None:
        """Raises ModelError when a map or the effects do not fit the tokens and heads."""
        heads, places = self.maps[ATTENTION].shape[:2], (len(self.rows), len(self.columns))
        for name, weights in self.maps.items():
            expected = (*heads, *places) if name in (ATTENTION, VALUE_WEIGHTED) else places
            if weights.shape != expected:
                raise ModelError(f"The map {name} of the {self.name} has shape {weights.shape}, expected {expected}.")
        if self.effects is not None and self.effects.shape != heads:
            raise ModelError(f"The effects of the {self.name} have shape {self.effects.shape}, expected one a head, {heads}.")


def classifier_block(
    attention: AttentionMap, *, value_weighted: AttentionMap | None = None, flow: tuple[int, np.ndarray] | None = None,
    effects: np.ndarray | None = None, words: bool = False, right_to_left: bool = False,
) -> AttentionBlock:
    """The encoder of a classifier. Rollout and flow go through the model's own tokens, whether or not words are shown.

    Args:
        attention: Its maps, by token.
        value_weighted: The same with the values' norms, by token.
        flow: A place and its attention flow to all places (places,).
        effects: What each head adds to the output (layers, heads).
        words: Whether tokens of a word are shown as one.
        right_to_left: Whether the text is written so.
    """
    def shown(matrix: np.ndarray) -> np.ndarray:
        through = replace(attention, weights=matrix[None, None].astype(np.float32))
        return np.asarray((through.words() if words else through).weights[0, 0])

    stacks = {ATTENTION: attention} if value_weighted is None else {ATTENTION: attention, VALUE_WEIGHTED: value_weighted}
    merged = {name: one.words() if words else one for name, one in stacks.items()}
    maps = {name: one.weights for name, one in merged.items()} | {ROLLOUT: shown(attention.rollout())}
    if flow is not None:
        places = len(attention.tokens)
        row = shown(np.tile(np.eye(places)[flow[0]], (places, 1)))[0].argmax()  # where the place has gone
        maps[FLOW] = np.full_like(maps[ROLLOUT], np.nan)
        maps[FLOW][row] = shown(np.tile(flow[1], (places, 1)))[row]
    tokens = merged[ATTENTION].tokens
    return AttentionBlock(ENCODER, tokens, tokens, (right_to_left, right_to_left), maps, effects)


def pair_blocks(
    attention: CrossAttentionMap, *, value_weighted: CrossAttentionMap | None = None, rollout: tuple[np.ndarray, np.ndarray] | None = None,
    flow: np.ndarray | None = None, effects: Mapping[str, np.ndarray] | None = None, words: bool = False, right_to_left: tuple[bool, bool] = (False, False),
) -> list[AttentionBlock]:
    """Cross-attention, encoder and decoder of a translator; the layer that aligns best is marked in the first.

    Args:
        attention: Its maps, by token.
        value_weighted: The same with the values' norms, by token.
        rollout: Shares through all layers, by token: of the source (target, source) and of earlier target tokens (target, target).
        flow: Attention flow from each target token to the source (target, source); rows that were not computed are NaN.
        effects: What each head adds to the output, by block (layers, heads).
        words: Whether tokens of a word are shown as one.
        right_to_left: Whether source and target are written so.
    """
    stacks = {ATTENTION: attention} if value_weighted is None else {ATTENTION: attention, VALUE_WEIGHTED: value_weighted}
    merged = {name: one.words() if words else one for name, one in stacks.items()}
    shown = merged[ATTENTION]
    maps = {CROSS: {name: one.weights for name, one in merged.items()}, ENCODER: {name: one.encoder_weights for name, one in merged.items()},
            DECODER: {name: one.prefix_weights for name, one in merged.items()}}
    source, target = attention.source, attention.target
    if rollout is not None:
        maps[CROSS][ROLLOUT] = _by_word(rollout[0], target, source) if words else rollout[0]
        maps[DECODER][ROLLOUT] = np.tril(_by_word(rollout[1], target, target), -1) if words else rollout[1]
    if flow is not None:
        maps[CROSS][FLOW] = _by_word(flow, target, source) if words else flow
    sources, targets = shown.source_tokens, shown.target_tokens
    sides = {CROSS: (targets, sources, right_to_left[::-1]), ENCODER: (sources, sources, (right_to_left[0],) * 2),
             DECODER: (targets, targets, (right_to_left[1],) * 2)}
    best = {CROSS: best_layer(shown.weights)}
    return [AttentionBlock(name, *sides[name], maps[name], (effects or {}).get(name), best.get(name)) for name in (CROSS, ENCODER, DECODER)]


def view_data(blocks: Sequence[AttentionBlock], facts: Sequence[tuple[str, str]] = (), *, switchable: bool = False) -> dict[str, Any]:
    """What the browser gets, as plain values: weights as bytes in base64, each off by 1 / 510 at most.

    Args:
        blocks: What can be looked at; the first is shown first. Of each the first `MAX_TOKENS` rows and columns are kept.
        facts: Names and values that a page of its own says about the maps.
        switchable: Whether heads can be switched off.
    """
    data = {"blocks": [_block_data(block) for block in blocks], "facts": [[name, visible_marks(value)] for name, value in facts], "switchable": switchable}
    return {**data, "id": hashlib.sha256(json.dumps(data).encode()).hexdigest()}


def standalone_page(data: Mapping[str, Any], title: str, language: str, texts: Mapping[str, str]) -> str:
    """One HTML file that draws the data and asks for nothing else; what people wrote is escaped in it.

    Args:
        data: From `view_data`.
        title: Its heading.
        language: Language tag of the texts.
        texts: Names of everything that is drawn, by their short name; `caution` stands at the top.
    """
    # "<" is written as an escape, so that no token can end the script that carries it
    content = json.dumps({**data, "texts": dict(texts)}, ensure_ascii=False).replace("<", "\\u003c")
    return _environment().get_template("attention_view.html.j2").render(
        data=data, title=title, language=language, texts=texts, content=Markup(content), script=Markup(script()), style=Markup(style()))


@functools.cache
def script() -> str:
    """The JavaScript: one function `drawAttention(root, data, send)`."""
    return (FOLDER / "attention_view.js").read_text(encoding="utf-8")


@functools.cache
def style() -> str:
    """Its CSS; colours are those of the theme where `--st-…` variables are set."""
    return (FOLDER / "attention_view.css").read_text(encoding="utf-8")


@functools.cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)


def _by_word(matrix: np.ndarray, rows: TokenizedText, columns: TokenizedText) -> np.ndarray:
    """A matrix of tokens as one of words: shares received are summed, shares given are averaged; a word with an unknown token is unknown."""
    members = membership(rows.word_ids)
    unknown = members @ ~np.isfinite(matrix).all(-1) > 0
    means = members / members.sum(1, keepdims=True) @ np.nan_to_num(matrix) @ membership(columns.word_ids).T
    return np.where(unknown[:, None], np.nan, means)


def _block_data(block: AttentionBlock) -> dict[str, Any]:
    layers, heads = block.maps[ATTENTION].shape[:2]
    longest = max(len(block.rows), len(block.columns))
    return {
        "name": block.name, "rows": [visible_marks(token) for token in block.rows[:MAX_TOKENS]],
        "columns": [visible_marks(token) for token in block.columns[:MAX_TOKENS]], "right_to_left": list(block.right_to_left),
        "layers": layers, "heads": heads, "best_layer": block.best_layer,
        "maps": {name: _map_data(weights[..., :MAX_TOKENS, :MAX_TOKENS]) for name, weights in block.maps.items()},
        "effects": None if block.effects is None else np.round(block.effects.astype(np.float64), 6).tolist(),
        "cut": {"shown": MAX_TOKENS, "total": longest} if longest > MAX_TOKENS else None,
    }


def _map_data(weights: np.ndarray) -> dict[str, Any]:
    known = np.isfinite(weights.reshape(-1, *weights.shape[-2:])[0]).all(-1)
    steps = np.clip(np.rint(np.nan_to_num(weights) * STEPS), 0, STEPS).astype(np.uint8)
    return {"bytes": base64.b64encode(steps.tobytes()).decode(), "stacked": weights.ndim == 4,
            "known": None if known.all() else np.flatnonzero(known).tolist()}
