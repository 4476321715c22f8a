"""The attribution panel: every method beside the others, as each gets done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from models import Classifier, Prediction
from models.errors import BusyError
from models.progress import Progress
from ui import state
from ui.caches import job_runner
from ui.errors import show_error
from ui.job_panel import POLL_SECONDS, show_job
from ui.jobs import Job
from ui.tables import csv_bytes
from ui.texts import text
from ui.token_row import show_tokens
from ui.trust import badges_of, show_trust
from ui.words import label_name
from xai.attribution import Attribution
from xai.keys import result_key
from xai.methods import METHODS

SEED = 0
METHOD = "method-"  # how the titles of these jobs begin
ADDITIVE = ("shap", "integrated_gradients")


def show_attributions(model: Classifier, prediction: Prediction) -> None:
    """Asks the runner for every method and draws what is there; polls while something is still computed."""
    st.subheader(text("why-title"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = st.segmented_control(text("why-target"), model.labels, default=prediction.label, key=state.TARGET, format_func=label_name)
        words = st.toggle(text("why-words"), value=True, key=state.WORDS)
    target = target or prediction.label
    keys = explanation_keys(model, prediction.text, target)
    try:
        _submit(model, prediction.text, target, keys)
    except BusyError as error:
        show_error(error)
    open_jobs = _pending(keys)
    fragment = st.fragment(_rows, run_every=POLL_SECONDS if open_jobs else None)
    fragment(keys, words, bool(open_jobs))
    found = {name: result for name, key in keys.items() if (result := job_runner().result(key)) is not None}
    if found and not open_jobs:
        show_trust(model, {name: keys[name] for name in found}, found)


def explanation_keys(model: Classifier, content: str, target: str) -> dict[str, str]:
    """The key of the explanation of a text by each method."""
    return {name: result_key(fingerprint=model.fingerprint, text=content, method=name, target=target, parameters={}, seed=SEED) for name in METHODS}


def _submit(model: Classifier, content: str, target: str, keys: dict[str, str]) -> None:
    runner = job_runner()
    runner.cancel_others(state.visitor(), METHOD, keys.values())  # of the text, label or model before
    for name, key in sorted(keys.items(), key=lambda item: item[0] == "shap"):  # last: it may wait for its warm-up
        job = runner.job(key)
        given_up = job is not None and (job.state in ("failed", "cancelled") or job.cancel.is_set())
        if runner.result(key) is None and not given_up:
            work = partial(METHODS[name], model, content, target, seed=SEED)
            runner.submit(key, f"{METHOD}{name}", state.visitor(), partial(_with_progress, work))


def _with_progress(work: Callable[..., Attribution], progress: Progress) -> Attribution:
    return work(progress=progress)


def _pending(keys: dict[str, str]) -> list[str]:
    runner = job_runner()
    jobs = {key: runner.job(key) for key in keys.values() if runner.result(key) is None}
    return [key for key, job in jobs.items() if job is not None and not job.finished]


def _rows(keys: dict[str, str], words: bool, polling: bool) -> None:
    """One row a method; leaves the polling once everything is finished."""
    if polling and not _pending(keys):
        st.rerun()
    runner = job_runner()
    found = {name: result for name, key in keys.items() if (result := runner.result(key)) is not None}
    done = {name: result.words() if words else result for name, result in found.items()}
    badges = badges_of({name: keys[name] for name in found})
    for name, key in keys.items():
        with st.container(border=True):
            if name in done:
                _row(name, done[name], found[name], badges.get(name, ""))
            else:
                _waiting(name, runner.job(key))
    if _pending(keys):
        st.button(text("why-cancel"), key="why_cancel", icon=":material/close:",
                  on_click=runner.cancel, args=(state.visitor(), list(keys.values())))
    elif done:
        st.caption(text("why-scale"))
        _table(done)


def _row(name: str, shown: Attribution, raw: Attribution, badges: str) -> None:
    st.markdown(f"**{text('method-' + name)}**  ·  :gray[{_trust(raw)}]", help=text(f"method-{name}-help"))
    if badges:
        st.markdown(badges)
    label = f"{text('method-' + name)}: {raw.target}"
    show_tokens(shown, scale=float(np.abs(shown.scores).max(initial=0.0)), label=label, key=f"tokens_{name}")


def _trust(result: Attribution) -> str:
    """What it cost, and the measure of its own trustworthiness."""
    parts = [text("why-cost", evaluations=result.evaluations, seconds=f"{result.seconds:.2f}")]
    unit = text(f"output-{result.output}")
    if result.convergence_delta is not None:
        difference = result.value - result.base_value
        share = abs(result.convergence_delta) / abs(difference) if difference else 0.0
        parts.append(text("why-delta", unit=unit, difference=f"{difference:+.3f}", share=f"{share:.2%}"))
        if "largest_standard_error" in result.diagnostics:
            parts.append(text("why-standard-error", value=f"{result.diagnostics['largest_standard_error']:.4f}"))
    elif "r_squared" in result.diagnostics:
        parts.append(text("why-fit", unit=unit, value=f"{result.diagnostics['r_squared']:.2f}"))
    else:
        parts.append(text("why-not-additive", unit=unit))
    return " · ".join(parts)


def _waiting(name: str, job: Job | None) -> None:
    st.markdown(f"**{text('method-' + name)}**")
    show_job(job)


def _table(done: dict[str, Attribution]) -> None:
    first = next(iter(done.values()))
    table = pd.DataFrame({"token": first.tokens, "start": [a for a, _ in first.offsets], "end": [b for _, b in first.offsets],
                          **{name: result.scores for name, result in done.items()}})
    with st.expander(text("why-table")):
        st.dataframe(table, hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, table), "attributions.csv", "text/csv", icon=":material/download:")
