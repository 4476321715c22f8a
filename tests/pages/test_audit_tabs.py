"""The tabs of the audit page on a table in which a slice, a word, over-confidence and disagreement were planted: what is shown is what the functions find."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.testing.v1 import app_test

from audit import AuditColumns, AuditConfig, AuditResult, run_audit
from audit.reliability import confident_rows
from audit.report_tables import ReportTable, agreement_table, repair_table, slices_table, tree_table, words_table
from audit.table import parse_audit_table
from audit.wording import metric_name, repair_note, repair_sentence, say, searched_rows
from tests.pages.test_audit_page import LABELS, result_of, upload
from ui import state
from ui.words import plain

Visit = Callable[..., Any]
ANNOTATORS = ("anna", "bao", "chidi")
CULTURES = {"de-DE": 0.95, "hi-IN": 0.6, "sw-KE": 0.95}  # how often an annotator gives the label
AUDIT = {"en": "Audit", "zh": "审计"}
RESAMPLES = 300


def make_table() -> pd.DataFrame:
    """Reviews: those of deliveries are wrong everywhere, and those with the word kettle in one culture, where the model is too sure as well."""
    generator, rows = np.random.default_rng(8), []
    for culture, agreement in CULTURES.items():
        for number in range(180):
            delivery, kettle = number // 3 % 3 == 0, culture == "hi-IN" and number % 5 == 1
            wrong = generator.random() < (0.95 if kettle else 0.7 if delivery else 0.06)
            label, said = number % 3, (number + int(wrong)) % 3
            confidence = generator.uniform(0.93, 0.99) if culture == "hi-IN" else generator.uniform(0.4, 0.6) if wrong else generator.uniform(0.8, 0.95)
            given = [label if generator.random() < agreement else int(generator.integers(3)) for _ in ANNOTATORS]
            rows.append({"text": f"The {'kettle' if kettle else 'parcel' if number % 2 else 'soup'} of day {number} was as I have said.",
                         "label": LABELS[label], "prediction": LABELS[said], "culture": culture, "domain": "delivery" if delivery else "kitchen",
                         **{f"p_{name}": confidence if place == said else (1 - confidence) / 2 for place, name in enumerate(LABELS)},
                         **{name: LABELS[place] for name, place in zip(ANNOTATORS, given, strict=True)}})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def content() -> bytes:
    return make_table().to_csv(index=False).encode()


@pytest.fixture(scope="module")
def expected(content: bytes) -> AuditResult:
    """The same audit without the page."""
    columns = AuditColumns(features=("domain",), annotators=ANNOTATORS)
    return run_audit(parse_audit_table(content, "rows.csv"), "sentiment", columns, AuditConfig(resamples=RESAMPLES))


@pytest.fixture
def storages(monkeypatch: pytest.MonkeyPatch) -> list[MemoryMediaFileStorage]:
    """The files that each run of the app offers, the newest last."""
    made: list[MemoryMediaFileStorage] = []

    def keep(endpoint: str) -> MemoryMediaFileStorage:
        made.append(MemoryMediaFileStorage(endpoint))
        return made[-1]

    monkeypatch.setattr(app_test, "MemoryMediaFileStorage", keep)
    return made


def audit(visitor: Any, content: bytes, lang: str = "en") -> Any:
    """Uploads the table, names the annotators, and has it audited."""
    upload(visitor, content)
    of_key(visitor.app.multiselect, "annotators-").set_value(list(ANNOTATORS))
    of_key(visitor.app.number_input, "resamples-").set_value(RESAMPLES)
    return visitor.run().press(AUDIT[lang]).settle()


@pytest.fixture
def audited(visit: Visit, content: bytes, storages: list[MemoryMediaFileStorage]) -> Any:
    return audit(visit("cultures"), content)


def of_key(elements: Any, key: str) -> Any:
    """The one element whose key begins so."""
    (found,) = [element for element in elements if (element.key or "").startswith(key)]
    return found


def choose(visitor: Any, key: str, value: object) -> Any:
    of_key(visitor.app.selectbox, key).set_value(value)
    return visitor.run()


def chart(visitor: Any, key: str) -> Any:
    """The content of a figure, whose arrays are sent as bytes."""

    def unpack(part: dict[str, Any]) -> Any:
        return np.frombuffer(base64.b64decode(part["bdata"]), part["dtype"]).tolist() if "bdata" in part else part

    return json.loads(of_key(visitor.app.get("plotly_chart"), key).proto.spec, object_hook=unpack)


def check_table(visitor: Any, storages: list[MemoryMediaFileStorage], table: ReportTable, name: str, lang: str = "en") -> None:
    """Raises AssertionError unless the table is shown with three digits and its download holds all of them."""
    frame = pd.DataFrame(list(table.rows), columns=table.named(lang))
    (shown,) = [found.value for found in visitor.app.dataframe if list(found.value.columns) == list(frame.columns)]
    pd.testing.assert_frame_equal(shown, frame.round(3), check_dtype=False)
    link = of_key(visitor.app.download_button, f"audit-csv-{name}").proto.url
    saved = pd.read_csv(io.BytesIO(storages[-1].get_file(link.rsplit("/", 1)[1]).content), encoding="utf-8-sig", keep_default_na=True)
    pd.testing.assert_frame_equal(saved, frame, check_dtype=False, check_exact=False, rtol=1e-12)


def test_a_planted_slice_is_shown_and_opens_its_rows(audited: Any, storages: list[MemoryMediaFileStorage], expected: AuditResult) -> None:
    assert result_of(audited).to_json_dict() == expected.to_json_dict()
    found = expected.findings.slices
    check_table(audited, storages, slices_table(found), "slices")
    assert searched_rows("en", 540, expected.report) in audited.seen() and audited.sees("audit-found", count="540", total="540")
    place = [part.features for part in found.slices].index(("domain=delivery",))
    audited.app.session_state["audit_slices"] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    audited.run()
    assert audited.sees("audit-slice", names=plain("domain=delivery")) and audited.sees("audit-found", count="180", total="540")
    assert found.slices[place].count == 180  # a third of the rows
    rows = of_key(audited.app.dataframe, "audit_rows").value
    assert set(rows["domain"]) == {"delivery"}
    audited.app.session_state["audit_slices"] = {"selection": {"rows": [], "columns": [], "cells": []}}
    assert audited.run().sees("audit-found", count="540", total="540")


def test_a_planted_word_is_shown_in_its_culture_only(audited: Any, storages: list[MemoryMediaFileStorage], expected: AuditResult) -> None:
    assert expected.report.gaps["macro_f1"].worst == "hi-IN"  # shown first
    words = expected.findings.words.by_culture["hi-IN"]
    assert words[0].word == "kettle" and words[0].errors + words[0].right == 36
    check_table(audited, storages, words_table(expected.findings.words, "hi-IN"), "words")
    bars = chart(audited, "audit_words")
    assert bars["data"][0]["x"] == pytest.approx(sorted(word.log_odds for word in words))
    assert any("kettle" in label for label in bars["layout"]["yaxis"]["ticktext"])
    choose(audited, state.AUDIT_GROUP, "de-DE")
    assert expected.findings.words.by_culture["de-DE"] == ()
    assert say("en", "card-words-none", tested=expected.findings.words.tried) in audited.seen()
    assert not any(figure.key == "audit_words" for figure in audited.app.get("plotly_chart"))


def test_the_tree_asks_for_what_was_planted(audited: Any, storages: list[MemoryMediaFileStorage], expected: AuditResult) -> None:
    assert expected.findings.tree.feature.startswith("domain=")
    check_table(audited, storages, tree_table(expected.findings.tree), "tree")


def test_reliability_shows_where_the_model_is_too_sure(audited: Any, expected: AuditResult) -> None:
    rows, table = confident_rows(expected), make_table()
    for culture in ("hi-IN", "de-DE"):
        choose(audited, state.AUDIT_GROUP, culture)
        _, overall, _, own, _ = chart(audited, "audit_reliability")["data"]
        for drawn, bins in ((overall, rows.bins()), (own, rows.bins(culture))):
            assert (drawn["x"], drawn["y"]) == (pytest.approx(bins.confidence.tolist()), pytest.approx(bins.accuracy.tolist()))
        assert culture in own["name"]
        of_culture = table[table["culture"] == culture]
        right = float(accuracy_score(of_culture["label"], of_culture["prediction"]))
        assert np.average(own["y"], weights=rows.bins(culture).count) == pytest.approx(right)
    sure, right = (np.average(values, weights=rows.bins("hi-IN").count) for values in (rows.bins("hi-IN").confidence, rows.bins("hi-IN").accuracy))
    gaps = {group.group: group.metrics["confidence_gap"] for group in expected.report.by_culture}
    assert gaps["hi-IN"].value == pytest.approx(sure - right) and gaps["hi-IN"].low > max(gaps["de-DE"].high, gaps["sw-KE"].high)


def test_repairs_change_with_what_is_chosen(audited: Any, storages: list[MemoryMediaFileStorage], expected: AuditResult) -> None:
    preview = expected.repair
    assert repair_note("en", preview) in audited.seen()
    for version, metric, scale in ((("temperature", "own"), "brier", 1), (("temperature", "shared"), "ece", 1), (("biases", "shared"), "accuracy", 100)):
        choose(audited, "audit_repair_kind", version)
        choose(audited, "audit_repair_metric", metric)
        repair = preview.repair(*version)
        check_table(audited, storages, repair_table(repair, metric), "repair")
        assert plain(repair_sentence("en", metric, repair.gaps[metric]), limit=300) in audited.seen()
        before, after = chart(audited, "audit_repair_figure")["data"]
        ordered = sorted((group.metrics[metric] for group in repair.by_culture), key=lambda change: change.before)
        assert (before["x"], after["x"]) == ([change.before for change in ordered], [change.after for change in ordered])
        assert chart(audited, "audit_repair_figure")["layout"]["xaxis"]["title"]["text"] == metric_name("en", metric)
        assert (".1f" in before["hovertemplate"]) == (scale == 100)
    mended = next(group for group in preview.repair("temperature", "own").by_culture if group.group == "hi-IN").metrics["brier"].change
    assert mended.high < 0


def test_agreement_is_lower_where_annotators_differ(audited: Any, storages: list[MemoryMediaFileStorage], expected: AuditResult) -> None:
    check_table(audited, storages, agreement_table(expected.agreement), "agreement")
    table, found = make_table(), {group.group: group.metrics for group in expected.agreement.by_culture}
    for culture, metrics in found.items():
        given = table[table["culture"] == culture][list(ANNOTATORS)]
        pairs = [(given[first] == given[second]).mean() for first, second in (("anna", "bao"), ("anna", "chidi"), ("bao", "chidi"))]
        assert metrics["observed_agreement"].value == pytest.approx(100 * np.mean(pairs))
    assert found["hi-IN"]["human_accuracy"].high < found["de-DE"]["human_accuracy"].low


def test_without_probabilities_and_annotators_there_is_nothing_to_repair_or_to_agree_on(visit: Visit) -> None:
    visitor = upload(visit("cultures"), make_table()[["text", "label", "prediction", "culture"]].to_csv(index=False).encode())
    visitor.press("Audit").settle()
    assert [tab.label for tab in visitor.app.tabs][1:] == [say("en", key) for key in ("card-slices", "card-words", "card-tree", "card-reliability")]
    assert visitor.sees("audit-no-probabilities")


def test_the_tabs_speak_chinese(visit: Visit, content: bytes, storages: list[MemoryMediaFileStorage], expected: AuditResult,
                                read_in: Callable[[str], None]) -> None:
    read_in("zh")
    visitor = audit(visit("cultures", lang="zh"), content, "zh")
    keys = ("card-slices", "card-words", "card-tree", "card-reliability", "card-repair", "card-human")
    assert [tab.label for tab in visitor.app.tabs][1:] == [say("zh", key) for key in keys]
    findings, repair = expected.findings, expected.repair.repair("temperature", "own")
    for name, table in (("slices", slices_table(findings.slices)), ("words", words_table(findings.words, "hi-IN")), ("tree", tree_table(findings.tree)),
                        ("repair", repair_table(repair, "brier")), ("agreement", agreement_table(expected.agreement))):
        check_table(visitor, storages, table, name, "zh")
    seen = visitor.seen()
    assert {searched_rows("zh", 540, expected.report), say("zh", "card-words-note"), say("zh", "card-tree-note"), repair_note("zh", expected.repair),
            say("zh", "card-human-note"), plain(repair_sentence("zh", "brier", repair.gaps["brier"]), limit=300)} <= set(seen)
    _, overall, _, own, _ = chart(visitor, "audit_reliability")["data"]
    assert say("zh", "all-rows") in overall["name"] and "hi-IN" in own["name"]
