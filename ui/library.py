"""The model library: cards of what is loaded, and loading more."""

from __future__ import annotations

import hashlib
from functools import partial

import pandas as pd
import streamlit as st

from models import Classifier, Translator
from models.errors import BusyError
from models.loading import read_task
from ui import state
from ui.caches import TRANSLATION, classifier, job_runner, model_names, task_of, translator
from ui.errors import sentence, show_error, shown_errors
from ui.job_panel import POLL_SECONDS
from ui.tables import csv_bytes
from ui.texts import text
from ui.words import plain


def show_library() -> None:
    """A loader and one card a model."""
    st.title(text("library-title"))
    _loader()
    names = [*model_names(), *model_names(TRANSLATION)]
    for name in names:
        with shown_errors(), st.expander(plain(name), expanded=name == names[0]):
            _card(translator(name) if task_of(name) == TRANSLATION else classifier(name))


def _loader() -> None:
    with st.container(border=True):
        st.text_input(text("library-path"), key=state.LIBRARY_PATH, max_chars=300, help=text("library-path-help"))
        st.button(text("library-load"), on_click=_load, icon=":material/add:")
        key = st.session_state.get(state.LIBRARY_JOB)
        if key:
            st.fragment(_loading, run_every=POLL_SECONDS if job_runner().result(key) is None else None)(key)


def _load() -> None:
    path = str(st.session_state.get(state.LIBRARY_PATH, "")).strip()
    if not path:
        return
    key = hashlib.sha256(f"load {path}".encode("utf-8", "replace")).hexdigest()
    job_runner().forget_failed()
    job_runner().forget(key)  # the folder may hold something else by now
    st.session_state[state.LIBRARY_JOB] = key
    try:
        job_runner().submit(key, "library-load", state.visitor(), lambda progress: _reload(path))
    except BusyError as error:
        show_error(error)


def _reload(path: str) -> str:
    """The path, after a fresh load."""
    load = translator if read_task(path) == TRANSLATION else classifier
    load.clear(path)
    load(path)
    return path


def _loading(key: str) -> None:
    path, job = job_runner().result(key), job_runner().job(key)
    if path is not None:
        loaded = st.session_state.setdefault(state.LOADED, [])
        if path not in loaded:
            loaded.append(path)
            st.rerun()
        st.success(text("library-loaded"))
    elif job is not None and job.state == "failed":
        st.markdown(f":material/error: **{text('error-model')}**")
        st.text(sentence(job.error, job.error_key))
    elif job is not None:
        st.caption(text("job-waiting") if job.state == "waiting" else text("library-loading"))


def _card(model: Classifier | Translator) -> None:
    config = model.model.config
    facts = {
        "library-type": config.model_type, "library-parameters": f"{sum(p.numel() for p in model.model.parameters()):,}",
        "library-layers": getattr(config, "num_hidden_layers", "–"), "library-heads": getattr(config, "num_attention_heads", "–"),
        "library-vocabulary": f"{len(model.tokenizer):,}", "library-length": model.max_length,
    }
    if isinstance(model, Translator):
        facts |= {"library-layers": f"{facts['library-layers']} + {getattr(config, 'decoder_layers', '–')}", "library-directions": _directions(model)}
    else:
        facts["library-labels"] = ", ".join(model.labels)
    facts["library-hash"] = model.fingerprint[:12]
    st.dataframe(pd.DataFrame({text("library-fact"): [text(key) for key in facts], text("library-value"): [str(v) for v in facts.values()]}),
                 hide_index=True)
    _results(model)
    data = model.card.get("evaluation", {}).get("training_data", [])
    if data:
        st.markdown(f"**{text('library-data')}**")
        st.dataframe(pd.DataFrame([{name: "; ".join(value) if isinstance(value, list) else value for name, value in row.items()} for row in data]),
                     hide_index=True)
    if model.card.get("text"):
        with st.popover(text("library-card")):
            st.code(model.card["text"], language=None, wrap_lines=True)


def _results(model: Classifier | Translator) -> None:
    """The headline table of evaluation.json."""
    headline = model.card.get("evaluation", {}).get("headline")
    if isinstance(headline, dict) and headline.get("rows"):
        st.markdown(f"**{text('library-results', dataset=plain(str(headline['dataset'])))}**")
        rows = [{"language": row["language"], "count": row["count"], **row["macro_f1"], **row["references"]} for row in headline["rows"]]
    elif isinstance(headline, list) and headline:
        st.markdown(f"**{text('library-translations')}**")
        rows = [{"dataset": row["dataset"], "direction": row["direction"], "count": row["count"],
                 **{f"{name}_{end}": row["metrics"][name][end] for name in ("bleu", "chrf") for end in ("value", "low", "high")}}
                for row in headline]
    else:
        return
    table = pd.DataFrame(rows).round(1)
    st.dataframe(table, hide_index=True)
    st.download_button(text("download-csv"), partial(csv_bytes, table), "results.csv", "text/csv", key=f"csv-{model.fingerprint}", icon=":material/download:")


def _directions(model: Translator) -> str:
    pairs = [f"{source}→{target}" for source, target in model.scheme.directions]
    return ", ".join(pairs) or ", ".join(model.scheme.tokens) or "–"
