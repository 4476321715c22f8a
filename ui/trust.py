"""How far the explanations of a text can be trusted, on request: words removed in their order, beside random orders."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from models import Classifier
from models.progress import Progress
from ui import state
from ui.job_panel import show_result
from ui.tables import csv_bytes
from ui.texts import text
from xai.attribution import Attribution
from xai.faithfulness import Faithfulness, measure_faithfulness
from xai.rankings import BASELINES, LEVEL, REASONS, VERDICTS, RankingMeasures
from xai.trust_figures import deletion_curves

SEED = 0
FAITHFUL, CHANCE, WORSE, UNKNOWN = VERDICTS
NEEDED, ENOUGH = "needed but not enough", "enough but not needed"
COLOURS = {FAITHFUL: "violet", NEEDED: "orange", ENOUGH: "orange", CHANCE: "red", WORSE: "red", UNKNOWN: "gray"}
ICONS = {FAITHFUL: "check", NEEDED: "contrast", ENOUGH: "contrast", CHANCE: "close", WORSE: "close", UNKNOWN: "question_mark"}


def show_trust(model: Classifier, keys: Mapping[str, str], found: Mapping[str, Attribution]) -> None:
    """A button, and what it finds of every explanation that is there.

    Args:
        model: Explained.
        keys: SHA-256 of each explanation by method.
        found: The explanations by method.
    """
    key = hashlib.sha256(" ".join(["trust", str(SEED), str(BASELINES), *(keys[name] for name in found)]).encode()).hexdigest()
    st.markdown(f"**{text('trust-title')}**", help=text("trust-help"))
    if st.session_state.get(state.TRUST) == key:
        show_result(key, "trust-running", lambda progress: _measure(model, found, progress), _draw)
    else:
        st.button(text("trust-run"), icon=":material/fact_check:", key="trust_run", on_click=_ask, args=(key,))


def _ask(key: str) -> None:
    st.session_state[state.TRUST] = key


def _measure(model: Classifier, found: Mapping[str, Attribution], progress: Progress) -> list[Faithfulness]:
    """Every explanation beside the same random rankings."""
    def part(number: int) -> Progress:
        return lambda done, total: progress(number * total + done, len(found) * total)

    return [measure_faithfulness(model, attribution, seed=SEED, progress=part(number)) for number, attribution in enumerate(found.values())]


def _draw(found: list[Faithfulness]) -> None:
    for one in found:
        measures = one.measures
        reason = f" · {text('trust-reason-' + measures.reason.replace(' ', '-'))}" if measures.reason in REASONS[1:] else ""
        verdict = badge(measures)
        st.markdown(f"{text('method-' + one.method)} :{COLOURS[verdict]}-badge[:material/{ICONS[verdict]}: "
                    f"{text('trust-verdict-' + verdict.replace(' ', '-'))}]{reason}")
    st.caption(text("trust-note", rankings=found[0].measures.rankings - 1, removal=found[0].removal))
    st.plotly_chart(deletion_curves(found, names=[text("method-" + one.method) for one in found], random_title=text("trust-random"),
                                    removed_title=text("trust-removed"), output_title=text(f"output-{found[0].output}")),
                    theme="streamlit", width=760, config={"displaylogo": False}, key="trust_figure")
    table = pd.DataFrame([_cells(one) for one in found])
    with st.expander(text("trust-table")):
        st.dataframe(table, hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, table), "faithfulness.csv", "text/csv", icon=":material/download:", key="trust_download")


def badge(measures: RankingMeasures) -> str:
    """What is shown of a verdict: an explanation that does not beat chance in both may do so in one of what it removes and what it keeps."""
    if measures.verdict == CHANCE and measures.comprehensiveness.p_value <= LEVEL:
        return NEEDED
    return ENOUGH if measures.verdict == CHANCE and measures.sufficiency.p_value <= LEVEL else measures.verdict


def _cells(found: Faithfulness) -> dict[str, str | float]:
    cells: dict[str, str | float] = {"method": found.method, "verdict": found.measures.verdict}
    for name in ("comprehensiveness", "sufficiency", "deletion", "insertion", "kendall_tau"):
        measure = getattr(found.measures, name)
        if measure is not None:
            cells |= {name: measure.value, f"{name}_random": measure.random_mean, f"{name}_random_low": measure.low, f"{name}_random_high": measure.high,
                      f"{name}_p": measure.p_value}
    return cells
