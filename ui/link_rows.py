"""Source and translation as two lines of words; the word of the translation that is pointed at lights the words it came from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from models.text import visible_marks
from ui.token_row import direction

_CSS = """
.line { display: flex; flex-wrap: wrap; gap: 3px 4px; font-family: var(--st-font); color: var(--st-text-color); line-height: 1.35; margin-bottom: 12px; }
.token { display: inline-flex; flex-direction: column; align-items: center; padding: 2px 5px 1px; border: 1px solid transparent; border-radius: 4px;
  font: inherit; font-size: 1.05rem; color: inherit; background: transparent; }
.target .token { cursor: pointer; border-color: var(--st-border-color, rgba(128, 128, 128, 0.4)); }
.target .token[aria-pressed="true"] { border: 2px solid var(--st-text-color); }
.token:focus-visible { outline: 2px solid var(--st-primary-color); }
.score { font-size: 0.68rem; min-height: 0.9rem; opacity: 0.85; font-variant-numeric: tabular-nums; direction: ltr; }
"""
_JS = """
export default function({ data, parentElement }) {
  const source = parentElement.querySelector('.source');
  const target = parentElement.querySelector('.target');
  let chosen = Math.min(Number(target.dataset.chosen ?? 0), data.target.length - 1);
  const box = (kind, token) => {
    const made = document.createElement(kind);
    made.className = 'token';
    const word = document.createElement('bdi');
    word.textContent = token;
    const score = document.createElement('span');
    score.className = 'score';
    made.append(word, score);
    return made;
  };
  const shade = (made, value, top) => {
    const colour = value >= 0 && data.signed ? '#e66101' : '#7b5fc0';
    made.style.backgroundColor = `color-mix(in srgb, ${colour} ${Math.round(80 * Math.abs(value) / top)}%, transparent)`;
    made.lastChild.textContent = (value < 0 ? '−' : data.signed ? '+' : '') + Math.abs(value).toFixed(2);
  };
  const clear = (made) => { made.style.backgroundColor = ''; made.lastChild.textContent = ''; };
  const sources = data.source.map((token) => box('span', token));
  const targets = data.target.map((token) => box('button', token));
  const show = (row) => {
    const before = data.prefix ? data.prefix[row].slice(0, row) : [];
    const top = Math.max(...data.scores[row].map(Math.abs), ...before.map(Math.abs)) || 1;
    sources.forEach((made, column) => shade(made, data.scores[row][column], top));
    targets.forEach((made, column) => (column < before.length ? shade(made, before[column], top) : clear(made)));
    targets.forEach((made, column) => made.setAttribute('aria-pressed', String(column === row)));
  };
  targets.forEach((made, row) => {
    made.type = 'button';
    made.onpointerenter = () => show(row);
    made.onpointerleave = () => show(chosen);
    made.onfocus = () => show(row);
    made.onclick = () => { chosen = row; target.dataset.chosen = row; show(row); };
  });
  source.dir = data.directions[0];
  target.dir = data.directions[1];
  source.setAttribute('aria-label', data.labels[0]);
  target.setAttribute('aria-label', data.labels[1]);
  source.replaceChildren(...sources);
  target.replaceChildren(...targets);
  if (targets.length) show(chosen);
}
"""
_component = st.components.v2.component(
    "culturelens_link_rows", html="<div class='line source' role='group'></div><div class='line target' role='group'></div>", css=_CSS, js=_JS)


def show_links(
    source: tuple[str, Sequence[str]], target: tuple[str, Sequence[str]], scores: np.ndarray, prefix: np.ndarray | None, *, signed: bool,
    labels: tuple[str, str], key: str,
) -> None:
    """Draws the two lines.

    Args:
        source, target: Text and tokens of each.
        scores: What each target token owes to each source token (target, source).
        prefix: The same for earlier target tokens (target, target), or None.
        signed: Whether scores have a sign.
        labels: Read aloud by a screen reader.
        key: Unique on the page.
    """
    _component(data=link_data(source, target, scores, prefix, signed=signed, labels=labels), key=key)


def link_data(
    source: tuple[str, Sequence[str]], target: tuple[str, Sequence[str]], scores: np.ndarray, prefix: np.ndarray | None, *, signed: bool,
    labels: tuple[str, str],
) -> dict[str, object]:
    """What the browser gets; there the strongest value of the word pointed at has the full colour."""
    return {
        "source": [visible_marks(token) for token in source[1]], "target": [visible_marks(token) for token in target[1]],
        "scores": np.round(scores, 3).tolist(), "prefix": None if prefix is None else np.round(prefix, 3).tolist(), "signed": signed,
        "directions": [direction(source[0]), direction(target[0])], "labels": list(labels),
    }
