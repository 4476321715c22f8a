"""The audit screen: which table, which column holds what, and the button."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from audit import AuditColumns, AuditConfig, AuditTable, parse_audit_table, read_probe, read_translation_probe
from audit.table import FORMATS, TableLimits
from audit.wording import shown
from models.errors import InputError
from ui import state
from ui.caches import SENTIMENT, TRANSLATION, job_runner, model_names
from ui.texts import text
from ui.words import plain

UPLOAD, PROBE, TRANSLATION_PROBE = "upload", "probe", "translation-probe"
LIMITS = TableLimits(rows=2_000_000, megabytes=500)  # what one visitor may put into the memory of all
PREVIEW = 3  # rows
# Names that columns often have, the likeliest first.
GUESSES = {
    "text": ("text", "sentence", "source", "tweet", "review", "content"), "label": ("label", "gold", "sentiment", "reference", "target"),
    "prediction": ("prediction", "predicted", "hypothesis", "model"), "culture": ("culture", "language", "locale", "lang", "country", "region", "group"),
    "source_language": ("source_language",), "target_language": ("target_language",),
}


@dataclass(frozen=True)
class AuditRequest:
    """What a visitor asked to audit; `predict` says whether the active model predicts."""

    table: AuditTable
    task: str
    columns: AuditColumns
    config: AuditConfig
    predict: bool

    def settings(self) -> str:
        """Everything but the rows, as a text that differs wherever the result does."""
        return json.dumps([self.table.sha256, self.table.columns.num_rows, self.task, asdict(self.columns), asdict(self.config), self.predict])


def ask() -> AuditRequest | None:
    """Draws the choices; returns what was asked last, or None."""
    with st.container(border=True):
        sources = [UPLOAD, PROBE, *([TRANSLATION_PROBE] if model_names(TRANSLATION) else [])]
        source = st.segmented_control(text("audit-source"), sources, default=UPLOAD, key=state.AUDIT_SOURCE, required=True,
                                      format_func=lambda value: text(f"audit-source-{value}"))
        try:
            table = _table(source or UPLOAD)
        except InputError as error:
            st.markdown(f":material/error: **{text('error-input')}**")
            st.text(str(error))
            table = None
        if table is not None:
            _describe(table)
            request = _choose(table, TRANSLATION if source == TRANSLATION_PROBE else None)
            if st.button(text("audit-run"), type="primary", icon=":material/balance:"):  # a callback would be given what was chosen a run ago
                _ask(request)
    asked: AuditRequest | None = st.session_state.get(state.AUDIT_REQUEST)
    return asked


def probe_table(task: str) -> AuditTable:
    """One of our own sets of sentences as a table that may be audited."""
    if task == TRANSLATION:
        rows = [{"text": s.source, "reference": s.reference, "source_language": s.source_language, "target_language": s.target_language, "culture": s.culture,
                 "phenomena": "|".join(s.phenomena)} for s in read_translation_probe()]
    else:
        rows = [{"text": s.text, "label": s.label, "culture": s.culture, "language": s.language, "phenomena": "|".join(s.phenomena), "scenario": s.scenario}
                for s in read_probe()]
    return parse_audit_table("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(), f"{task}-probe.jsonl")


def _table(source: str) -> AuditTable | None:
    if source != UPLOAD:
        task = TRANSLATION if source == TRANSLATION_PROBE else SENTIMENT
        table: AuditTable = job_runner().remember(f"audit probe {task}", lambda: probe_table(task))
        return table
    file = st.file_uploader(text("audit-file"), type=[suffix[1:] for suffix in FORMATS], key=state.AUDIT_FILE, help=text("audit-file-help"))
    if file is not None and st.session_state.get(state.AUDIT_TABLE, ("",))[0] != file.file_id:
        st.session_state[state.AUDIT_TABLE] = (file.file_id, parse_audit_table(file.getvalue(), file.name, LIMITS))
    kept: tuple[str, AuditTable] | None = st.session_state.get(state.AUDIT_TABLE)  # also after a visit to another page
    return kept[1] if kept else None


def _describe(table: AuditTable) -> None:
    st.caption(text("audit-rows", name=plain(table.name), rows=f"{table.columns.num_rows:,}", columns=len(table.columns.column_names)))
    st.dataframe(table.columns.slice(0, PREVIEW).to_pandas(), hide_index=True)


def _choose(table: AuditTable, task: str | None) -> AuditRequest:
    """Which column holds what, and the settings."""
    names = table.columns.column_names
    first, second, third, fourth = st.columns(4)
    label = first.selectbox(text("audit-label"), names, index=_place(names, "label"), format_func=shown, key=f"label-{table.sha256[:12]}")
    task = task or (TRANSLATION if label == "reference" or "hypothesis" in names else SENTIMENT)
    content = second.selectbox(text("audit-text"), names, index=_place(names, "text"), format_func=shown, key=f"text-{table.sha256[:12]}")
    given = [name for name in GUESSES["prediction"] if name in names]
    model = text("audit-predict")
    said = third.selectbox(text("audit-prediction"), ["", *names], index=1 + names.index(given[0]) if given else 0, key=f"said-{table.sha256[:12]}",
                           format_func=lambda name: shown(name) if name else model)
    cultures = fourth.multiselect(text("audit-culture"), names, default=[names[_place(names, "culture")]], format_func=shown, key=f"by-{table.sha256[:12]}")
    with st.expander(text("audit-settings")):
        item, features, annotators, config = _settings(table, names)
    columns = AuditColumns(label, said or ("hypothesis" if task == TRANSLATION else "prediction"), tuple(cultures), content, item,
                           features=features, annotators=annotators)
    return AuditRequest(table, task, columns, config, not said)


def _settings(table: AuditTable, names: Sequence[str]) -> tuple[str, tuple[str, ...], tuple[str, ...], AuditConfig]:
    key = table.sha256[:12]
    first, second, third = st.columns(3)
    item = first.selectbox(text("audit-item"), ["", *names], key=f"item-{key}", help=text("audit-item-help"),
                           format_func=lambda name: shown(name) if name else "–")
    features = second.multiselect(text("audit-features"), names, default=[name for name in ("phenomena", "domain") if name in names], key=f"features-{key}",
                                  format_func=shown)
    annotators = third.multiselect(text("audit-annotators"), names, key=f"annotators-{key}", format_func=shown)
    first, second, third = st.columns(3)
    minimum = first.number_input(text("audit-minimum"), 1, 100_000, 30, key=f"minimum-{key}")
    resamples = second.number_input(text("audit-resamples"), 100, 20_000, 2_000, 100, key=f"resamples-{key}")
    seed = third.number_input(text("audit-seed"), 0, 2**31 - 1, 1, key=f"seed-{key}")
    return item or "", tuple(features), tuple(annotators), AuditConfig(resamples=int(resamples), seed=int(seed), minimum_group=int(minimum))


def _place(names: Sequence[str], kind: str) -> int:
    lower = [name.lower() for name in names]
    return next((lower.index(guess) for guess in GUESSES[kind] if guess in lower), 0)


def _ask(request: AuditRequest) -> None:
    job_runner().forget_failed()
    for key in (state.AUDIT_CELL, state.AUDIT_SLICE, state.AUDIT_GROUP):
        st.session_state.pop(key, None)
    st.session_state[state.AUDIT_REQUEST] = request
