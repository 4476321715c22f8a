"""Words coloured by their score, with sign and number; text from strangers only ever becomes `textContent`."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from models.text import visible_marks
from xai.attribution import Attribution

_CSS = """
.row { display: flex; flex-wrap: wrap; gap: 3px 4px; font-family: var(--st-font); color: var(--st-text-color); line-height: 1.35; }
.token { display: inline-flex; flex-direction: column; align-items: center; padding: 2px 5px 1px; border-radius: 4px; font-size: 1.05rem; }
.token:focus-visible { outline: 2px solid var(--st-primary-color); }
.score { font-size: 0.68rem; opacity: 0.85; font-variant-numeric: tabular-nums; direction: ltr; }
.rest { opacity: 0.45; text-decoration: line-through; align-self: flex-start; padding: 2px 5px; }
"""
_JS = """
export default function({ data, parentElement }) {
  const row = parentElement.querySelector('.row');
  row.dir = data.direction;
  row.setAttribute('aria-label', data.label);
  row.replaceChildren(...data.tokens.map((token) => {
    const box = document.createElement('span');
    box.className = 'token';
    box.tabIndex = 0;
    const strength = Math.round(Math.abs(token.share) * 80);
    const colour = token.share >= 0 && data.scale === 'signed' ? '#e66101' : '#7b5fc0';
    box.style.backgroundColor = `color-mix(in srgb, ${colour} ${strength}%, transparent)`;
    box.style.borderBottom = `2px solid color-mix(in srgb, ${colour} ${Math.min(100, strength + 20)}%, transparent)`;
    if (token.marked) box.style.borderBottom = '2px dashed var(--st-text-color)';
    const word = document.createElement('bdi');
    word.textContent = token.text;
    const score = document.createElement('span');
    score.className = 'score';
    score.textContent = token.score;
    box.title = `${token.text}  ${token.score}`;
    box.append(word, score);
    return box;
  }));
  if (data.rest) {
    const rest = document.createElement('span');
    rest.className = 'rest';
    rest.textContent = data.rest;
    row.append(rest);
  }
}
"""
_component = st.components.v2.component("culturelens_token_row", html="<div class='row' role='group'></div>", css=_CSS, js=_JS)
_RIGHT_TO_LEFT = ("R", "AL")
UNSURE = 0.5  # probability under which a token is underlined
SHOWN_REST = 120  # characters shown of what was cut


def show_tokens(attribution: Attribution, *, scale: float, label: str, key: str) -> None:
    """Draws the tokens of an attribution in reading order.

    Args:
        attribution: Tokens or words with scores.
        scale: Score that gets the full colour; the same for rows that should be compared.
        label: Read aloud by a screen reader.
        key: Unique on the page.
    """
    draw_row(token_data(attribution, scale=scale, label=label), key=key)


def draw_row(data: dict[str, Any], *, key: str) -> None:
    """Draws what `token_data`, `signed_data` or `doubt_data` made."""
    _component(data=data, key=key)


def token_data(attribution: Attribution, *, scale: float, label: str) -> dict[str, Any]:
    """What the browser gets: texts, shares of the scale (-1 to 1) and numbers with their sign."""
    return signed_data(attribution.text, attribution.tokens, attribution.scores, scale=scale, label=label, cut=attribution.truncated_at)


def signed_data(
    text: str, tokens: Sequence[str], scores: np.ndarray, *, scale: float, label: str, cut: int | None = None
) -> dict[str, Any]:
    """The same of tokens and scores (tokens,) that are no attribution of one text; `cut` is where the model stopped reading `text`."""
    scale = scale or float(np.abs(scores).max(initial=0.0)) or 1.0
    shown = [
        {"text": visible_marks(token), "share": float(np.clip(score / scale, -1, 1)), "score": signed(score), "marked": False}
        for token, score in zip(tokens, scores, strict=True)
    ]
    rest = "" if cut is None else visible_marks(text[cut : cut + SHOWN_REST]) + ("…" if len(text) > cut + SHOWN_REST else "")
    return {"tokens": shown, "direction": direction(text), "label": label, "rest": rest, "scale": "signed"}


def doubt_data(text: str, tokens: Sequence[str], logprobs: Sequence[float], *, label: str) -> dict[str, Any]:
    """Tokens with their probability: the less sure the model was of one, the stronger its colour; under `UNSURE` it is marked."""
    shown = []
    for token, logprob in zip(tokens, logprobs, strict=True):
        probability = min(1.0, math.exp(logprob))
        shown.append({"text": visible_marks(token), "share": 1 - probability, "score": f"{probability:.2f}" if probability >= 0.005 else f"{probability:.0e}",
                      "marked": probability < UNSURE})
    return {"tokens": shown, "direction": direction(text), "label": label, "rest": "", "scale": "doubt"}


def signed(score: float) -> str:
    """A score with its sign and enough digits to be told from zero."""
    return f"{score:+.3f}" if abs(score) >= 0.0005 or score == 0 else f"{score:+.0e}"


def direction(text: str) -> str:
    """ "rtl" where most letters are written from right to left, else "ltr"."""
    kinds = [unicodedata.bidirectional(character) for character in text[:2_000]]
    right, left = sum(kind in _RIGHT_TO_LEFT for kind in kinds), kinds.count("L")
    return "rtl" if right > left else "ltr"
