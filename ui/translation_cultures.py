"""How the translator fares in this direction: what its card says, and our own sentences by culture, measured when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from audit import TranslationReport, TranslationSentence, measure_translation_cultures
from audit.figures import culture_dots
from audit.translation_cultures import in_trap
from models import Translator
from models.metrics import Interval
from models.progress import Progress
from models.translation_metrics import TranslationMetrics
from ui import state
from ui.caches import job_runner
from ui.job_panel import show_result
from ui.tables import csv_bytes
from ui.texts import text
from ui.translation import probe
from ui.words import plain

PROBE = "probe"
CARD = {"direction": "by_direction", "domain": "by_domain", "culture": "by_culture"}  # what is shown apart -> where evaluation.json has it
METRICS = ("chrf", "bleu")


def show_cultures(model: Translator, source_language: str, target_language: str) -> None:
    """Chooses where the figures come from and draws them for one direction."""
    direction = f"{source_language}-{target_language}"
    groups = {part: card_groups(model.card.get("evaluation", {}), part, direction) for part in CARD}
    sources = [part for part in CARD if groups[part]]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options = [*sources, PROBE]
        source = st.segmented_control(text("culture-source"), options, default=options[0], key=state.FARES_SOURCE, required=True,
                                      format_func=lambda part: text(f"fares-{part}"))
        metric = st.segmented_control(text("fares-metric"), METRICS, default=METRICS[0], key=state.FARES_METRIC, required=True,
                                      format_func=lambda name: text(f"metric-{name}"))
    if source == PROBE:
        if not sources:
            st.caption(text("fares-no-card"))
        _probe(model, source_language, target_language, metric)
        return
    _figure(groups[source], metric, marked=direction if source == "direction" else None)
    if source == "direction":
        st.caption(text("fares-directions-note"))
    else:
        _verdict(groups[source], metric)
    st.caption(text("fares-card-note"))
    _table(groups[source], f"fares-{source}.csv")


def card_groups(evaluation: dict[str, Any], part: str, direction: str) -> list[TranslationMetrics]:
    """What evaluation.json measured by direction, or in this direction by domain or culture; empty where it brings none or a broken one."""
    try:
        rows = [row for row in evaluation.get(CARD[part], []) if part == "direction" or row["direction"] == direction]
        return [TranslationMetrics(str(row[part]), int(row["count"]), {name: Interval(**{end: float(value[end]) for end in ("value", "low", "high")})
                                                                       for name, value in row["metrics"].items()},
                                   {str(name): str(signature) for name, signature in row.get("signatures", {}).items()})
                for row in rows if set(METRICS) <= set(row["metrics"])]
    except (KeyError, TypeError, AttributeError, ValueError):
        return []


def _probe(model: Translator, source_language: str, target_language: str, metric: str) -> None:
    """Our own sentences of this direction; translating them takes a while, so somebody has to ask for it."""
    sentences = [s for s in probe() if (s.source_language, s.target_language) == (source_language, target_language)]
    if not sentences:
        st.info(text("fares-no-probe"))
        return
    key = probe_key(model, sentences)
    asked: list[str] = st.session_state.setdefault(state.FARES_ASKED, [])
    if job_runner().result(key) is None and key not in asked:
        st.markdown(text("fares-probe-offer", count=len(sentences), cultures=len({s.culture for s in sentences})))
        st.button(text("fares-probe-start"), key="fares_start", on_click=asked.append, args=(key,), icon=":material/play_arrow:")
        return
    show_result(key, "fares-probe", partial(_measure, model, sentences), partial(_report, metric=metric))


def probe_key(model: Translator, sentences: Sequence[TranslationSentence]) -> str:
    """Under which the measurement of a model on these sentences is kept."""
    content = "\n".join(f"{s.id}\t{s.source}\t{s.reference}" for s in sentences)
    return hashlib.sha256(f"translations {model.fingerprint}\n{content}".encode()).hexdigest()


def _measure(model: Translator, sentences: Sequence[TranslationSentence], progress: Progress) -> TranslationReport:
    return measure_translation_cultures(model, sentences, progress=progress)


def _report(report: TranslationReport, *, metric: str) -> None:
    groups = [part.measured for part in report.by_culture]
    _figure(groups, metric, marked=None)
    _verdict(groups, metric)
    idioms, trapped = sum(part.idioms for part in report.by_culture), sum(part.trapped for part in report.by_culture)
    if idioms:
        st.markdown(text("fares-traps", trapped=trapped, idioms=idioms))
    st.caption(text("fares-probe-note"))
    _table(groups, "fares-probe.csv")
    rows = pd.DataFrame([
        {"id": s.id, "culture": s.culture, "phenomena": ", ".join(s.phenomena), "source": s.source, "hypothesis": hypothesis, "reference": s.reference,
         "literal_trap": s.literal_trap, "in_trap": in_trap(s, hypothesis)}
        for s, hypothesis in zip(report.sentences, report.hypotheses, strict=True)
    ])
    with st.expander(text("fares-rows")):
        st.dataframe(rows, hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, rows), "fares-rows.csv", "text/csv", icon=":material/download:", key="fares_rows_csv")


def _figure(groups: Sequence[TranslationMetrics], metric: str, *, marked: str | None) -> None:
    figure = culture_dots(groups, None, metric=metric, marked=marked, title=text(f"metric-{metric}"))
    st.plotly_chart(figure, theme="streamlit", width="stretch", config={"displaylogo": False}, key="fares_dots")


def _verdict(groups: Sequence[TranslationMetrics], metric: str) -> None:
    """Best and worst in one sentence, and whether their intervals leave room for no difference at all."""
    if len(groups) < 2:
        return
    ordered = sorted(groups, key=lambda group: group.metrics[metric].value)
    worst, best = ordered[0], ordered[-1]
    said = {"best": _said(best, metric), "worst": _said(worst, metric)}
    apart = worst.metrics[metric].high < best.metrics[metric].low
    st.markdown(text("fares-apart", **said) if apart else text("fares-overlap", **said))


def _said(group: TranslationMetrics, metric: str) -> str:
    value = group.metrics[metric]
    return f"{plain(group.group)} {value.value:.1f} [{value.low:.1f}, {value.high:.1f}] (n = {group.count})"


def _table(groups: Sequence[TranslationMetrics], name: str) -> None:
    rows = []
    for group in groups:
        row: dict[str, Any] = {"group": group.group, "count": group.count}
        for metric, value in group.metrics.items():
            row |= {metric: value.value, f"{metric}_low": value.low, f"{metric}_high": value.high}
        rows.append(row)
    table = pd.DataFrame(rows).round(2)
    with st.expander(text("fares-table")):
        st.dataframe(table, hide_index=True)
        st.download_button(text("download-csv"), partial(csv_bytes, table), name, "text/csv", icon=":material/download:", key="fares_csv")
        for signature in sorted({f"{metric}: {signature}" for group in groups for metric, signature in group.signatures.items()}):
            st.text(signature)
