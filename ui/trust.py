"""How far explanations can be trusted: a badge beside each, and what it rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from models import Classifier, Translator
from ui import state
from ui.caches import job_runner
from ui.job_panel import show_result
from ui.tables import csv_bytes
from ui.texts import text
from xai.rankings import BASELINES, LEVEL, REASONS, VERDICTS, RankingMeasures
from xai.stability import Randomisation
from xai.trust import Explained, Trust, check_dependence, measure_trust
from xai.trust_figures import deletion_curves

SEED = 0
JOB = "trust-running"
FAITHFUL, CHANCE, WORSE, UNKNOWN = VERDICTS
NEEDED, ENOUGH = "needed but not enough", "enough but not needed"
COLOURS = {FAITHFUL: "violet", NEEDED: "orange", ENOUGH: "orange", CHANCE: "red", WORSE: "red", UNKNOWN: "gray"}
ICONS = {FAITHFUL: "check", NEEDED: "contrast", ENOUGH: "contrast", CHANCE: "close", WORSE: "close", UNKNOWN: "question_mark"}


def trust_key(keys: Mapping[str, str]) -> str:
    """Under which the measures of some explanations are kept, by the keys of these."""
    return hashlib.sha256(" ".join(["trust", str(SEED), str(BASELINES), *keys.values()]).encode()).hexdigest()


def badges_of(keys: Mapping[str, str]) -> dict[str, str]:
    """The badges of each explanation as markdown, by method; empty while they are not measured."""
    found: Sequence[Trust] | None = job_runner().result(trust_key(keys))
    return {} if found is None else {one.method: badges(one) for one in found}


def badges(one: Trust) -> str:
    """Faithful or not, stable or not, and how far the other methods agree, as markdown."""
    measures, verdict = one.faithfulness.measures, badge(one.faithfulness.measures)
    reason = f" · {text('trust-reason-' + measures.reason.replace(' ', '-'))}" if measures.reason in REASONS[1:] else ""
    parts = [f":{COLOURS[verdict]}-badge[:material/{ICONS[verdict]}: {text('trust-verdict-' + verdict.replace(' ', '-'))}{reason}]"]
    if one.stability is not None and one.stability.spearman is not None:
        parts.append(f":{_colour(one.stability.spearman)}-badge[{text('trust-stability', value=f'{one.stability.spearman:.2f}')}]")
    if one.agreement is not None and one.overlap is not None:
        parts.append(f":{_colour(one.agreement)}-badge[{text('trust-agreement', value=f'{one.agreement:.2f}', overlap=f'{one.overlap:.0%}')}]")
    return " ".join(parts)


def _colour(correlation: float) -> str:
    """Red where nothing is alike."""
    return "red" if correlation <= 0 else "gray"


def show_trust(model: Classifier | Translator, keys: Mapping[str, str], found: Mapping[str, Explained]) -> None:
    """Has the explanations measured and draws what is found; the page is run again when it is there, so that badges can be drawn elsewhere.

    Args:
        model: Explained.
        keys: SHA-256 of each explanation by method.
        found: The explanations by method.
    """
    key = trust_key(keys)
    runner = job_runner()
    runner.cancel_others(state.visitor(), JOB, [key])  # of what was looked at before
    st.markdown(f"**{text('trust-title')}**", help=text("trust-help"))
    show_result(key, JOB, lambda progress: measure_trust(model, list(found.values()), seed=SEED, progress=progress), _draw)
    if runner.result(key) is not None:
        _show_dependence(model, f"shuffled {key}", found)


def _show_dependence(model: Classifier | Translator, key: str, found: Mapping[str, Explained]) -> None:
    """A button, and what is left of the explanations when the model's weights are shuffled."""
    if st.session_state.get(state.SHUFFLED) == key:
        show_result(key, "trust-shuffling", lambda progress: check_dependence(model, list(found.values()), progress=progress), _draw_dependence)
    else:
        st.button(text("trust-shuffle"), icon=":material/shuffle:", key="trust_shuffle", on_click=_ask, args=(key,), help=text("trust-shuffle-help"))


def _ask(key: str) -> None:
    st.session_state[state.SHUFFLED] = key


def _draw(found: Sequence[Trust]) -> None:
    faithful = [one.faithfulness for one in found]
    for one in found:
        st.markdown(f"{text('method-' + one.method)} {badges(one)}")
    st.caption(text("trust-note", rankings=faithful[0].measures.rankings - 1, removal=faithful[0].removal))
    st.plotly_chart(deletion_curves(faithful, names=[text("method-" + one.method) for one in found], random_title=text("trust-random"),
                                    removed_title=text("trust-removed"), output_title=text(f"output-{faithful[0].output}")),
                    theme="streamlit", width=760, config={"displaylogo": False}, key="trust_figure")
    table = pd.DataFrame([_cells(one) for one in found])
    with st.expander(text("trust-table")):
        st.dataframe(table, hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, table), "trust.csv", "text/csv", icon=":material/download:", key="trust_download")


def _draw_dependence(found: Sequence[Randomisation]) -> None:
    st.caption(text("trust-shuffled-note", models=len(found[0].seeds)))
    table = pd.DataFrame([{"method": one.method, "verdict": one.verdict, "spearman": one.mean_spearman, "p": one.p_value} for one in found])
    for one in found:
        colour = {"depends on the model": "violet", "hardly depends on the model": "red"}.get(one.verdict, "gray")
        st.markdown(f"{text('method-' + one.method)} :{colour}-badge[{text('trust-dependence-' + one.verdict.replace(' ', '-'))} · ρ {one.mean_spearman:.2f}]")
    st.download_button(text("download-csv"), partial(csv_bytes, table), "shuffled.csv", "text/csv", icon=":material/download:", key="shuffled_download")


def badge(measures: RankingMeasures) -> str:
    """What is shown of a verdict: an explanation that does not beat chance in both may do so in one of what it removes and what it keeps."""
    if measures.verdict == CHANCE and measures.comprehensiveness.p_value <= LEVEL:
        return NEEDED
    return ENOUGH if measures.verdict == CHANCE and measures.sufficiency.p_value <= LEVEL else measures.verdict


def _cells(found: Trust) -> dict[str, str | float | None]:
    measures = found.faithfulness.measures
    cells: dict[str, str | float | None] = {"method": found.method, "verdict": measures.verdict}
    for name in ("comprehensiveness", "sufficiency", "deletion", "insertion", "kendall_tau"):
        measure = getattr(measures, name)
        if measure is not None:
            cells |= {name: measure.value, f"{name}_random": measure.random_mean, f"{name}_random_low": measure.low, f"{name}_random_high": measure.high,
                      f"{name}_p": measure.p_value}
    stable = found.stability
    return cells | {"seed_spearman": None if stable is None else stable.spearman, "seed_overlap": None if stable is None else stable.overlap,
                    "agreement_spearman": found.agreement, "agreement_overlap": found.overlap}
