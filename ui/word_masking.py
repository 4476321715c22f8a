"""Words that a visitor masks by click, and what the model says without them."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from models import Classifier, Prediction, Translation, Translator
from models.text import visible_marks
from models.tokens import TokenizedText, tokenize
from ui.caches import job_runner
from ui.tables import csv_bytes
from ui.texts import text
from ui.token_row import direction, doubt_data, draw_row
from ui.words import label_name
from xai.forced_pair import ForcedPair
from xai.masking import describe_mask, predict_without_words
from xai.sequence_attribution import membership
from xai.sequence_masking import MaskedTranslation

_CSS = """
.words { display: flex; flex-wrap: wrap; gap: 4px; font-family: var(--st-font); }
.words button { font: inherit; font-size: 1.05rem; padding: 2px 8px; border-radius: 4px; border: 1px solid var(--st-border-color); cursor: pointer;
                background: transparent; color: var(--st-text-color); }
.words button[aria-pressed=true] { background: var(--st-text-color); color: var(--st-background-color); text-decoration: line-through; }
.words button:focus-visible { outline: 2px solid var(--st-primary-color); }
"""
_JS = """
export default function({ data, parentElement, setStateValue }) {
  const row = parentElement.querySelector('.words');
  const stamp = JSON.stringify(data);
  if (row.stamp === stamp) return;  // the same words again: what has the keyboard's focus must stay
  row.stamp = stamp;
  const masked = new Set(data.masked);
  row.dir = data.direction;
  row.setAttribute('aria-label', data.label);
  row.replaceChildren(...data.words.map((word, number) => {
    const box = document.createElement('button');
    box.type = 'button';
    const shown = document.createElement('bdi');
    shown.textContent = word;
    box.append(shown);
    box.setAttribute('aria-pressed', String(masked.has(number)));
    box.onclick = () => {
      if (!masked.delete(number)) masked.add(number);
      box.setAttribute('aria-pressed', String(masked.has(number)));
      setStateValue('masked', [...masked]);
    };
    return box;
  }));
}
"""
_component = st.components.v2.component("culturelens_word_masking", html="<div class='words' role='group'></div>", css=_CSS, js=_JS)


def show_masking(model: Classifier, prediction: Prediction) -> None:
    """The words of a text as buttons, and the probabilities beside those of the whole text."""
    with st.container(key="masking"):
        st.fragment(_sentiment)(model, prediction)


def show_source_masking(model: Translator, translation: Translation) -> None:
    """The words of a source as buttons, and the probability of the translation's tokens beside that under the whole source."""
    with st.container(key="masking"):
        st.fragment(_translation)(model, translation)


def _sentiment(model: Classifier, prediction: Prediction) -> None:
    tokenized = tokenize(model, prediction.text)
    masked = _choose(tokenized, f"{model.fingerprint} {prediction.text}", describe_mask(model.tokenizer))
    said = predict_without_words(model, tokenized, masked)
    table = pd.DataFrame([{"label": label_name(label), "whole": prediction.probabilities[label], "masked": value,
                           "change": value - prediction.probabilities[label]} for label, value in said.items()])
    label = max(said, key=said.__getitem__)
    st.markdown(f"### {label_name(label)}  ·  {said[label]:.2f}")
    for name, value in said.items():
        moved = value - prediction.probabilities[name]
        st.progress(min(1.0, value), text=f"{label_name(name)}  {value:.3f}  ({moved:+z.3f})")
    _download(table)


def _translation(model: Translator, translation: Translation) -> None:
    masked = _choose(translation.source, f"{model.fingerprint} {translation.hypothesis} {translation.source.text}", describe_mask(model.tokenizer))
    pair = ForcedPair(model, translation.source, translation.target, translation.source_language, translation.target_language)
    key = hashlib.sha256(f"masked {model.fingerprint} {translation.source_language} {translation.target_language} {translation.hypothesis} "
                         f"{translation.source.text}".encode()).hexdigest()
    output: MaskedTranslation = job_runner().remember(key, lambda: MaskedTranslation(pair, range(len(pair.target.offsets))))
    kept = np.ones((1, output.features), bool)
    kept[0, : output.sources] = ~np.isin(pair.source.word_ids, masked)
    said = output(kept)[0]
    st.markdown(f"**{text('masking-total', value=f'{said.sum():.2f}', change=f'{said.sum() - output.values.sum():+z.2f}')}**")
    rows = membership(pair.target.word_ids)
    draw_row(doubt_data(pair.target.text, pair.target.tokens, said.tolist(), label=text("masking-target")), key="masked_target")
    st.caption(text("masking-target-note"))
    words = [pair.target.text[pair.target.offsets[np.flatnonzero(row)[0]][0] : pair.target.offsets[np.flatnonzero(row)[-1]][1]] for row in rows]
    _download(pd.DataFrame({"word": words, "whole": rows @ output.values, "masked": rows @ said, "change": rows @ (said - output.values)}))


def _choose(tokenized: TokenizedText, identity: str, mask: str) -> list[int]:
    """Numbers of the words that are masked; none of another text."""
    st.caption(text("masking-note", mask=visible_marks(mask)))
    count = tokenized.word_ids[-1] + 1
    key = f"masking-{hashlib.sha256(identity.encode('utf-8', 'replace')).hexdigest()[:16]}"
    drawn = _component(data={"words": words_of(tokenized), "masked": chosen(st.session_state.get(key), count), "direction": direction(tokenized.text),
                             "label": text("masking-words")}, key=key, default={"masked": []}, on_masked_change=lambda: None)
    return chosen(drawn, count)


def words_of(tokenized: TokenizedText) -> list[str]:
    """Surface of each word, with its hidden characters shown."""
    spans: dict[int, tuple[int, int]] = {}
    for word, (start, end) in zip(tokenized.word_ids, tokenized.offsets, strict=True):
        spans[word] = (spans.get(word, (start, end))[0], end)
    return [visible_marks(tokenized.text[start:end]) for start, end in spans.values()]


def chosen(drawn: Any, count: int) -> list[int]:
    """The numbers that the browser says are masked, as far as there are such words, since anybody can send anything."""
    given = getattr(drawn, "masked", None) if drawn is not None else None
    return sorted({number for number in given if type(number) is int and 0 <= number < count}) if isinstance(given, list | tuple) else []


def _download(table: pd.DataFrame) -> None:
    with st.expander(text("masking-table")):
        st.dataframe(table.round(4), hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, table), "masked.csv", "text/csv", icon=":material/download:", key="masking_csv")
