"""The rows nearest to a text in a model's space, of a row of the audit or of a text typed here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute
import streamlit as st

from audit import AuditResult
from audit.neighbours import find_neighbours
from audit.row_map import RowMap
from audit.rows import CORRECT, GROUP, ROW
from audit.wording import say
from models.embedding import embed_texts
from models.errors import InputError
from ui import state
from ui.caches import classifier, job_runner
from ui.errors import shown_errors
from ui.texts import language, text
from ui.words import label_name, plain


def show_typed(result: AuditResult, found: RowMap) -> None:
    """A box for a text, what the model says of it, and its nearest rows."""
    typed = st.text_input(text("audit-neighbours-typed"), key="audit_neighbours_typed", max_chars=2_000)
    if not typed.strip():
        return
    with shown_errors():
        model = classifier(found.signature["model"]["name"])
        (said,) = model.predict([typed])
        st.markdown(text("audit-neighbours-said", label=label_name(said.label), share=f"{100 * said.probabilities[said.label]:.0f}"))
        _show(result, found, _embed(found, typed), {})


def show_row_neighbours(result: AuditResult, number: int) -> None:
    """The rows nearest to one of the table, by its number from 1; nothing before the map is made."""
    found: RowMap | None = job_runner().result(st.session_state.get(state.AUDIT_MAP, ""))
    if found is None:
        return
    places = np.flatnonzero(found.rows == number - 1)
    own = int(places[0]) if len(places) else None
    row = result.rows.slice(number - 1, 1)
    traits = {name: str(row[column][0].as_py()).strip() for name, column in (("culture", GROUP), ("label", result.columns.label)) if row[column][0].is_valid}
    query = found.embeddings[own] if own is not None else _embed(found, row[result.columns.text][0].as_py())
    st.markdown(f"**{text('audit-neighbours-title')}**")
    _show(result, found, query, traits, own)


def _embed(found: RowMap, content: str) -> np.ndarray:
    read, embeddings = embed_texts(classifier(found.signature["model"]["name"]), [content])
    if not len(read):
        raise InputError("The model can read nothing in this text, so it has no neighbours; choose another.", key="text-no-token")
    return np.asarray(embeddings[0])


def _show(result: AuditResult, found: RowMap, query: np.ndarray, traits: Mapping[str, str], own: int | None = None) -> None:
    """What the neighbours have in common, and the neighbours.

    Args:
        result: Whose rows they are.
        found: Where the rows are.
        query: Embedding of the text.
        traits: Culture and label of the text where they are known.
        own: Its place among the rows of the map.
    """
    rows, columns = result.rows.take(arrow.array(found.rows)), result.columns
    spelt = {name: np.array(compute.utf8_trim_whitespace(rows[column].cast(arrow.string())).to_pylist(), dtype=object)
             for name, column in (("culture", GROUP), ("label", columns.label))}
    held = {name: spelt[name] == value for name, value in traits.items()}
    near = find_neighbours(found.embeddings, query, {**held, "wrong": ~np.array(rows[CORRECT].to_pylist(), dtype=bool)}, own=own)
    for name, trait in near.traits.items():
        value = traits.get(name, "")
        st.markdown(text(f"audit-neighbours-{name}", value=label_name(value) if name == "label" else plain(value, limit=60), found=str(trait.found),
                         count=str(len(near.places)), chance=f"{trait.chance:.0f}", p=f"{trait.p_value:.3f}"))
    names = [name for name in (ROW, GROUP, columns.label, columns.prediction, columns.text) if name in rows.column_names]
    frame = rows.take(arrow.array(near.places)).select(names).to_pandas()
    st.dataframe(pd.concat([pd.Series(near.distances.round(4), name=say(language(), "column-distance")), frame], axis=1), hide_index=True)
    st.caption(text("audit-neighbours-note"))
